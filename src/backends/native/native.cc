#include "backends/native/native.h"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "cpu/engine.h"
#include "fovea/version.h"
#include "onnx/read.h"
#include "passes/specialise.h"

namespace fovea::backends {
namespace {

class NativeEngine final : public Engine {
 public:
  explicit NativeEngine(std::unique_ptr<cpu::Engine> engine) : engine_(std::move(engine)) {
    const Graph& graph = engine_->graph();
    const auto port = [&](ValueId id) { return Port{graph.value(id).name, graph.value(id).type}; };
    for (ValueId id : passes::fed_inputs(graph)) inputs_.push_back(port(id));
    for (ValueId id : graph.outputs) outputs_.push_back(port(id));
  }

  std::span<const Port> inputs() const override { return inputs_; }
  std::span<const Port> outputs() const override { return outputs_; }
  int threads() const override { return engine_->threads(); }

  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, std::vector<StepTime>* steps) override {
    if (!steps) return engine_->run(inputs);
    std::vector<cpu::StepProfile> profile;
    auto outputs = engine_->run(inputs, &profile);
    steps->clear();
    for (cpu::StepProfile& step : profile)
      steps->push_back({std::move(step.node), std::move(step.kernel), step.ms, step.gmac});
    return outputs;
  }

  Result<void> run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs) override {
    return engine_->run_into(inputs, outputs);
  }

  Result<void> prepare(std::span<const TensorType> inputs) override { return engine_->prepare(inputs); }

 private:
  std::unique_ptr<cpu::Engine> engine_;
  std::vector<Port> inputs_, outputs_;
};

constexpr Option kOptions[] = {
    {"fast_kernels", "true (default), or false: reference kernels everywhere, no passes; slow, for comparing"},
    {"max_plans", "plans kept for different input shapes (default 16); the least recently used goes"},
};

Error bad_value(std::string_view name, std::string_view value, std::string_view expected) {
  return invalid_argument("option {}={} of backend native", name, value).with_fix(fmt::format("give {}", expected));
}

Result<cpu::EngineOptions> engine_options(const CompileOptions& options) {
  cpu::EngineOptions result;
  result.threads = options.threads;
  // A quantized model says itself what is int8; its other parts are fp32.
  result.precision = options.precision == Precision::int8 ? Precision::fp32 : options.precision;
  for (const auto& [name, value] : options.options) {
    if (name == "fast_kernels") {
      if (value != "true" && value != "false") return bad_value(name, value, "true or false");
      result.fast_kernels = value == "true";
    } else if (name == "max_plans") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result.max_plans);
      if (error != std::errc() || end != value.data() + value.size() || result.max_plans < 1)
        return bad_value(name, value, "a number of at least 1");
    } else {
      std::vector<std::string_view> names;
      for (const Option& option : kOptions) names.push_back(option.name);
      return invalid_argument("backend native has no option \"{}\"", name)
          .with_fix(fmt::format("it has {}", fmt::join(names, ", ")));
    }
  }
  return result;
}

bool is_quantized(const Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](NodeId id) {
    const std::string& type = graph.node(id).op_type;
    return type.ends_with("quantizeLinear") || type.ends_with("QuantizeLinear") || type.starts_with("QLinear") ||
           type == "ConvInteger" || type == "MatMulInteger";
  });
}

class NativeBackend final : public Backend {
 public:
  std::string_view name() const override { return "native"; }
  std::string_view title() const override { return "fovea's own engine"; }
  std::span<const std::string_view> devices() const override {
    static constexpr std::string_view kDevices[] = {"cpu"};
    return kDevices;
  }
  std::span<const Option> options() const override { return kOptions; }
  std::span<const std::string_view> suffixes() const override {
    static constexpr std::string_view kSuffixes[] = {".onnx"};
    return kSuffixes;
  }
  Result<Library> probe(std::string_view /*device*/, const CompileOptions& /*options*/) const override {
    return Library{std::string(version()), {}};
  }

  Result<std::unique_ptr<Engine>> compile(const Source& source, std::string_view /*device*/,
                                          const CompileOptions& options) const override {
    if (options.precision == Precision::fp16)
      return invalid_argument("backend native computes in fp32, bf16 or int8, not in {}", name_of(options.precision))
          .with_fix("use --precision fp32 or bf16");
    if (options.precision == Precision::bf16 && !cpu::has_bf16_products())
      log_warning("this CPU has no products of bf16 (or FOVEA_ISA leaves them out): computing in fp32");
    const cpu::EngineOptions engine = FOVEA_TRY(engine_options(options));
    auto graph = source.graph;
    if (!graph) graph = std::make_shared<const Graph>(FOVEA_TRY(onnx::read_model(source.path)));
    if (options.precision == Precision::int8 && !is_quantized(*graph))
      return invalid_argument("the model is not quantized, so backend native has no int8 products to do")
          .with_fix("give a model with QuantizeLinear and DequantizeLinear nodes");
    auto compiled = FOVEA_TRY(cpu::Engine::compile(std::move(graph), engine));
    return std::unique_ptr<Engine>(std::make_unique<NativeEngine>(std::move(compiled)));
  }
};

}  // namespace

const Backend* native() {
  static const NativeBackend backend;
  return &backend;
}

}  // namespace fovea::backends
