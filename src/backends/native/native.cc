#include "backends/native/native.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <optional>

#include <fmt/ranges.h>

#include "backends/input_shapes.h"
#include "backends/native/engine_cache.h"
#include "backends/native/engine_key.h"
#include "backends/native/model_files.h"
#include "base/error.h"
#include "base/log.h"
#include "base/system.h"
#include "cpu/tune.h"
#include "fovea/version.h"
#include "onnx/read.h"
#include "passes/specialise.h"

namespace fovea::backends {
namespace {

/// A cache, and what it needs to keep an engine.
struct Kept {
  EngineCache cache;
  size_t plans = 0;  // that the cache has
};

class NativeEngine final : public Engine {
 public:
  explicit NativeEngine(std::unique_ptr<cpu::Engine> engine, std::vector<Fact> facts = {},
                        std::optional<Kept> kept = std::nullopt)
      : engine_(std::move(engine)), facts_(std::move(facts)), kept_(std::move(kept)) {
    const Graph& graph = engine_->graph();
    const auto port = [&](ValueId id) { return Port{graph.value(id).name, graph.value(id).type}; };
    for (ValueId id : passes::fed_inputs(graph)) inputs_.push_back(port(id));
    for (ValueId id : graph.outputs) outputs_.push_back(port(id));
  }

  std::span<const Port> inputs() const override { return inputs_; }
  std::span<const Port> outputs() const override { return outputs_; }
  int threads() const override { return engine_->threads(); }

  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, std::vector<StepTime>* steps) override {
    if (!steps) {
      auto outputs = engine_->run(inputs);
      if (outputs.ok()) keep();
      return outputs;
    }
    std::vector<cpu::StepProfile> profile;
    auto outputs = engine_->run(inputs, &profile);
    if (outputs.ok()) keep();
    steps->clear();
    for (cpu::StepProfile& step : profile)
      steps->push_back({std::move(step.node), std::move(step.kernel), step.ms, step.gmac});
    return outputs;
  }

  Result<void> run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs) override {
    return engine_->run_into(inputs, outputs);
  }

  Result<void> prepare(std::span<const TensorType> inputs) override { return engine_->prepare(inputs); }
  bool accept_photos(std::span<const float> table, bool channels_first) override {
    if (kept_) return false;  // plans that a cache keeps know no recipe
    return engine_->accept_bytes(
        Tensor::of({static_cast<int64_t>(table.size()) / 256, 256}, std::vector<float>(table.begin(), table.end())),
        channels_first);
  }
  std::shared_ptr<const Graph> model() const override { return engine_->shared_graph(); }
  std::vector<Fact> facts() const override { return facts_; }

 private:
  /// Inputs of a size that the cache has no plan for: it gets the new plan, too. Once a process, and a few sizes at
  /// most: photos may have thousands.
  void keep() {
    constexpr size_t kMostPlans = 4;
    if (!kept_ || kept_->plans >= kMostPlans || engine_->plan_count() <= kept_->plans || has_kept_.exchange(true))
      return;
    kept_->cache.store(*engine_);
  }

  std::unique_ptr<cpu::Engine> engine_;
  std::vector<Port> inputs_, outputs_;
  std::vector<Fact> facts_;
  std::optional<Kept> kept_;
  std::atomic<bool> has_kept_{false};
};

constexpr Option kOptions[] = {
    {"fast_kernels", "true (default), or false: reference kernels everywhere, no passes; slow, for comparing"},
    {"tune", "false (default), or true: measures which way of doing each step is the fastest here (docs/tuning.md)"},
    {"timing_cache", "file that keeps what tuning measures (default timings.txt in the folder of the user's caches)"},
    {"max_plans", "plans kept for different input shapes (default 16); the least recently used goes"},
};

Error bad_value(std::string_view name, std::string_view value, std::string_view expected) {
  return invalid_argument("option {}={} of backend native", name, value).with_fix(fmt::format("give {}", expected));
}

/// Measures on threads of its own, and only when a step asks.
Result<std::shared_ptr<cpu::Tuner>> make_tuner(std::filesystem::path timings, int threads,
                                               const cpu::TuneWatch& watch) {
  if (timings.empty()) timings = default_cache_folder();
  if (timings == default_cache_folder() && !timings.empty()) timings /= "timings.txt";
  auto cache = std::make_shared<cpu::TimingCache>(std::move(timings), timing_machine());
  FOVEA_TRY(cache->check_path());
  auto timer = std::make_unique<cpu::RunTimer>(threads);
  return std::shared_ptr<cpu::Tuner>(std::make_shared<cpu::MeasuringTuner>(std::move(cache), std::move(timer), watch));
}

Result<cpu::EngineOptions> engine_options(const CompileOptions& options, const cpu::TuneWatch& watch = {}) {
  if (options.precision == Precision::fp16)
    return invalid_argument("backend native computes in fp32, bf16 or int8, not in {}", name_of(options.precision))
        .with_fix("use --precision fp32 or bf16");
  if (options.precision == Precision::bf16 && !cpu::has_bf16_products())
    log_warning("this CPU has no products of bf16 (or FOVEA_ISA leaves them out): computing in fp32");
  cpu::EngineOptions result;
  result.threads = options.threads > 0 ? options.threads : granted_cores();
  // A quantized model says itself what is int8; its other parts are fp32.
  result.precision = options.precision == Precision::int8 ? Precision::fp32 : options.precision;
  bool tune = false;
  std::filesystem::path timings;
  for (const auto& [name, value] : options.options) {
    if (name == "fast_kernels") {
      if (value != "true" && value != "false") return bad_value(name, value, "true or false");
      result.fast_kernels = value == "true";
    } else if (name == "tune") {
      if (value != "true" && value != "false") return bad_value(name, value, "true or false");
      tune = value == "true";
    } else if (name == "timing_cache") {
      if (value.empty()) return bad_value(name, value, "the name of a file");
      timings = value;
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
  if (tune && result.fast_kernels) result.tuner = FOVEA_TRY(make_tuner(std::move(timings), result.threads, watch));
  return result;
}

bool is_quantized(const Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](NodeId id) {
    const std::string& type = graph.node(id).op_type;
    return type.ends_with("quantizeLinear") || type.ends_with("QuantizeLinear") || type.starts_with("QLinear") ||
           type == "ConvInteger" || type == "MatMulInteger";
  });
}

Result<void> check_quantized(const Graph& graph, const CompileOptions& options) {
  if (options.precision != Precision::int8 || is_quantized(graph)) return {};
  return invalid_argument("the model is not quantized, so backend native has no int8 products to do")
      .with_fix("give a model with QuantizeLinear and DequantizeLinear nodes");
}

/// Reads the model again, as long as its file is the one that it was; the inputs get the types that they had.
std::function<Result<Graph>()> reloader(const std::filesystem::path& path, const Graph& graph) {
  const auto changed = last_change(path);
  if (!changed.ok()) return nullptr;  // a graph that came from elsewhere
  std::map<std::string, ValueType> types;
  for (ValueId v : passes::fed_inputs(graph)) types[graph.value(v).name] = graph.value(v).type;
  return [path, types, changed = *changed]() -> Result<Graph> {
    if (FOVEA_TRY(last_change(path)) != changed)
      return invalid_model("the file has changed since the model was loaded")
          .at(path.string())
          .with_fix("load the model again");
    Graph again = FOVEA_TRY(onnx::read_model(path));
    for (ValueId v : passes::fed_inputs(again))
      if (const auto it = types.find(again.value(v).name); it != types.end()) again.set_type(v, it->second);
    return again;
  };
}

/// The types of the first run, where they can be told: a batch that is left open is taken for 1.
std::optional<std::vector<TensorType>> likely_inputs(const Graph& graph) {
  std::vector<TensorType> types;
  for (ValueId v : passes::fed_inputs(graph)) {
    ValueType type = graph.value(v).type;
    if (type.shape && !type.shape->empty() && !type.shape->front().known()) type.shape->front().value = 1;
    auto concrete = type.concrete();
    if (!concrete) return std::nullopt;
    types.push_back(std::move(*concrete));
  }
  return types;
}

using EnginePtr = std::unique_ptr<Engine>;

/// Of a model file alone: a graph that a caller changed is not what the key says.
Result<EnginePtr> compile_cached(const std::filesystem::path& path, const CompileOptions& options,
                                 cpu::EngineOptions engine_options) {
  EngineCache cache(path, options, engine_options.threads);
  auto data_files = std::make_shared<std::vector<std::filesystem::path>>();
  const auto read = [path, shapes = options.shapes, data_files]() -> Result<Graph> {
    data_files->clear();
    auto model = onnx::read_model(path, {.files = data_files.get()});
    if (!model.ok()) {
      Error error = std::move(model).error();
      if (error.code == ErrorCode::invalid_argument) error.code = ErrorCode::invalid_model;  // the file's fault
      return error;
    }
    Graph graph = std::move(model).value();
    FOVEA_TRY(set_input_shapes(graph, shapes));
    return graph;
  };
  const auto changed = last_change(path);
  engine_options.reload = [read, path, changed = changed.ok() ? *changed : 0]() -> Result<Graph> {
    if (FOVEA_TRY(last_change(path)) != changed)
      return invalid_model("the file has changed since the model was loaded")
          .at(path.string())
          .with_fix("load the model again");
    return read();
  };
  if (auto found = cache.find(engine_options)) {
    const size_t plans = found->plan_count();
    std::vector<Fact> facts = {{"engine cache", cache.file().string()}};
    return EnginePtr(std::make_unique<NativeEngine>(std::move(found), std::move(facts), Kept{std::move(cache), plans}));
  }
  cache.begin();
  auto graph = std::make_shared<const Graph>(FOVEA_TRY(read()));
  FOVEA_TRY(check_quantized(*graph, options));
  const auto inputs = likely_inputs(*graph);
  auto compiled = FOVEA_TRY(cpu::Engine::compile(std::move(graph), engine_options));
  cache.set_data_files(*data_files);
  size_t plans = 0;
  if (inputs && compiled->prepare(*inputs).ok()) {
    cache.store(*compiled);
    plans = compiled->plan_count();
  }
  std::vector<Fact> facts = {{"engine cache", "made " + cache.file().string()}};
  return EnginePtr(
      std::make_unique<NativeEngine>(std::move(compiled), std::move(facts), Kept{std::move(cache), plans}));
}

/// Whether an engine file was made for this machine by this fovea.
Result<void> check_fits(const cpu::EngineFile& file) {
  cpu::EngineKey here = machine_key(), there;
  for (const cpu::KeyField& f : here) there.push_back({f.name, std::string(cpu::field(file.key(), f.name))});
  if (here == there) return {};
  return invalid_model("the engine file was made for another machine or by another fovea: {}",
                       describe_differences(there, here))
      .at(file.path().string())
      .with_fix("compile the model again, here: fovea compile MODEL -o OUT.fovea");
}

Result<EnginePtr> open_engine_file(const std::filesystem::path& path, const CompileOptions& options) {
  const auto file = FOVEA_TRY(cpu::EngineFile::open(path));
  FOVEA_TRY(check_fits(*file));
  const CompileOptions stored = FOVEA_TRY_AT(path.string(), options_of(file->key(), options));
  const cpu::EngineOptions engine = FOVEA_TRY(engine_options(stored));
  FOVEA_TRY(file->verify(engine.threads));
  auto loaded = FOVEA_TRY(
      cpu::Engine::load(*file, engine, [&](Graph& model) { return set_input_shapes(model, options.shapes); }));
  return EnginePtr(
      std::make_unique<NativeEngine>(std::move(loaded), std::vector<Fact>{{"engine file", path.string()}}));
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
    static constexpr std::string_view kSuffixes[] = {".onnx", ".fovea"};
    return kSuffixes;
  }
  Result<Library> probe(std::string_view /*device*/, const CompileOptions& /*options*/) const override {
    return Library{std::string(version()), {}};
  }

  Result<EnginePtr> compile(const Source& source, std::string_view /*device*/,
                            const CompileOptions& options) const override {
    if (cpu::is_engine_file(source.path)) return open_engine_file(source.path, options);
    cpu::EngineOptions engine = FOVEA_TRY(engine_options(options));
    if (!options.cache.empty()) return compile_cached(source.path, options, std::move(engine));
    auto graph = source.graph;
    if (!graph) graph = std::make_shared<const Graph>(FOVEA_TRY(onnx::read_model(source.path)));
    FOVEA_TRY(check_quantized(*graph, options));
    engine.reload = reloader(source.path, *graph);
    auto compiled = FOVEA_TRY(cpu::Engine::compile(std::move(graph), engine));
    return EnginePtr(std::make_unique<NativeEngine>(std::move(compiled)));
  }
};

}  // namespace

const Backend* native() {
  static const NativeBackend backend;
  return &backend;
}

Result<CompiledFile> compile_to_file(const Source& source, const CompileOptions& options,
                                     std::span<const std::vector<TensorType>> inputs, const std::filesystem::path& out,
                                     const cpu::TuneWatch& watch) {
  cpu::EngineOptions engine = FOVEA_TRY(engine_options(options, watch));
  engine.max_plans = std::max(engine.max_plans, inputs.size());
  auto graph = source.graph;
  if (!graph) graph = std::make_shared<const Graph>(FOVEA_TRY(onnx::read_model(source.path)));
  FOVEA_TRY(check_quantized(*graph, options));
  if (inputs.size() == 1) engine.reload = reloader(source.path, *graph);
  const auto compiled = FOVEA_TRY(cpu::Engine::compile(std::move(graph), engine));
  for (const auto& types : inputs) FOVEA_TRY(compiled->prepare(types));
  if (watch.stop && watch.stop()) return invalid_argument("interrupted");
  CompiledFile result;
  result.key = engine_key(options, compiled->threads());
  result.key.push_back({"model", source.path.filename().string()});
  FOVEA_TRY(compiled->save(out, result.key));
  result.plans = compiled->plans();
  std::error_code failed;
  result.bytes = static_cast<int64_t>(std::filesystem::file_size(out, failed));
  return result;
}

Result<EngineFileFacts> read_engine_file(const std::filesystem::path& path) {
  const auto file = FOVEA_TRY(cpu::EngineFile::open(path));
  EngineFileFacts facts;
  facts.file.key = file->key();
  facts.file.bytes = static_cast<int64_t>(file->bytes());
  if (const auto fits = check_fits(*file); !fits.ok()) {
    facts.unfit = fits.error().message;
    return facts;
  }
  const CompileOptions stored = FOVEA_TRY_AT(path.string(), options_of(file->key(), {}));
  const cpu::EngineOptions engine = FOVEA_TRY(engine_options(stored));
  FOVEA_TRY(file->verify(engine.threads));
  const auto loaded = FOVEA_TRY(cpu::Engine::load(*file, engine));
  facts.file.plans = loaded->plans();
  facts.model = loaded->shared_graph();
  return facts;
}

}  // namespace fovea::backends
