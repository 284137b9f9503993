// TorchScript modules: loaded, frozen, optimised, run.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>

#include "tensors.h"
#include "torch_engine.h"

namespace fovea::plugin {
namespace {

at::ScalarType format_of(int32_t precision) {
  switch (precision) {
    case FOVEA_BF16_PRODUCTS: return at::kBFloat16;
    case FOVEA_FP16_PRODUCTS: return at::kHalf;
    default: return at::kFloat;
  }
}

bool parse_switch(const std::string& name, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  fail(FOVEA_INVALID_ARGUMENT, name + "=" + value + " is no choice", "give true or false");
}

/// The module's own products in int8: nothing here can make them.
void check_quantized(const torch::jit::Module& module) {
  if (module.get_method("forward").graph()->toString().find("quantized::") != std::string::npos) return;
  fail(FOVEA_INVALID_ARGUMENT, "the module is not quantized, so LibTorch has no int8 products to do",
       "export a quantized module, or quantize the ONNX model and take another backend");
}

class TorchScript final : public Engine {
 public:
  TorchScript(torch::jit::Module module, const Request& request, c10::Device device)
      : module_(std::move(module)), device_(device), format_(format_of(request.precision)), threads_(request.threads) {
    const auto& schema = module_.get_method("forward").function().getSchema();
    for (const auto& argument : schema.arguments()) {
      if (argument.name() == "self" || argument.default_value()) continue;
      if (!argument.type()->isSubtypeOf(*at::TensorType::get()))
        fail(FOVEA_UNSUPPORTED, "the module's argument \"" + argument.name() + "\" is a " + argument.type()->str(),
             "export it so that it takes tensors");
      const auto known = std::ranges::find(request.inputs, argument.name(), &Port::name);
      inputs.push_back(known != request.inputs.end() ? *known : Port{argument.name()});
    }
    if (inputs.size() == 1 && request.inputs.size() == 1) {  // exporters to ONNX choose other names
      const std::string name = inputs[0].name;
      inputs[0] = request.inputs[0];
      inputs[0].name = name;
    }
    for (const Port& asked : request.inputs)
      if (inputs.size() != 1 && std::ranges::find(inputs, asked.name, &Port::name) == inputs.end())
        fail(FOVEA_INVALID_ARGUMENT, "the module has no input \"" + asked.name + "\"", "it has " + names());
    learn_outputs(schema);
  }

  void prepare(std::span<const Port> ports) override {
    // The first run gathers types, the second compiles for them.
    for (int i = 0; i < 2; ++i) run_zeros(ports);
  }

  void run(std::span<const fovea_tensor> tensors, Outputs& places) override {
    std::vector<at::Tensor> values;
    for (const fovea_tensor& t : tensors) values.push_back(wrap(t));
    const std::vector<Named> results = forward(std::move(values));
    if (results.size() != outputs.size())
      fail(FOVEA_UNSUPPORTED,
           "the module returns " + std::to_string(results.size()) + " tensors, but " + std::to_string(outputs.size()) +
               " before",
           "export it so that the number of its outputs is fixed");
    for (size_t i = 0; i < results.size(); ++i) deliver(results[i].tensor, i, format_ != at::kFloat, places);
  }

 private:
  std::string names() const {
    std::string text;
    for (const Port& port : inputs) text += (text.empty() ? "" : ", ") + port.name;
    return text;
  }

  std::vector<Named> forward(std::vector<at::Tensor> values) {
    use_threads(threads_);
    const c10::InferenceMode guard;
    std::vector<at::IValue> arguments;
    for (at::Tensor& value : values)
      arguments.emplace_back(value.is_floating_point() ? value.to(device_, format_) : value.to(device_));
    try {
      return flatten(module_.forward(std::move(arguments)));
    } catch (const std::exception& e) {
      fail(FOVEA_INVALID_ARGUMENT, "the module failed: " + message_of(e), "feed inputs of the shape that it takes");
    }
  }

  std::vector<Named> run_zeros(std::span<const Port> ports) {
    std::vector<at::Tensor> values;
    for (const Port& port : ports) values.push_back(zeros(port));
    return forward(std::move(values));
  }

  /// By a run where the shapes of the inputs are known; else a tensor or a tuple of them tells their number.
  void learn_outputs(const c10::FunctionSchema& schema) {
    if (std::ranges::all_of(inputs, &Port::has_shape)) {
      for (const Named& result : run_zeros(inputs)) {
        const auto sizes = result.tensor.sizes();
        const bool widened = result.tensor.is_floating_point() && result.tensor.scalar_type() == format_;
        outputs.push_back(
            {result.name, widened ? FOVEA_F32 : to_dtype(result.tensor.scalar_type()), true, sizes.vec()});
      }
      return;
    }
    const auto type = schema.returns().at(0).type();
    if (type->isSubtypeOf(*at::TensorType::get())) {
      outputs.push_back({"output"});
    } else if (const auto tuple = type->cast<at::TupleType>()) {
      for (size_t i = 0; i < tuple->elements().size(); ++i) {
        if (!tuple->elements()[i]->isSubtypeOf(*at::TensorType::get())) unknown_outputs(type->str());
        outputs.push_back({"output" + std::to_string(i)});
      }
    } else {
      unknown_outputs(type->str());
    }
  }

  [[noreturn]] void unknown_outputs(const std::string& type) const {
    fail(FOVEA_INVALID_ARGUMENT, "the module returns a " + type + ": its outputs show only when it runs",
         "give the shapes of its inputs (" + names() + "), as in --shape " + inputs.at(0).name + "=1x3x224x224");
  }

  torch::jit::Module module_;
  c10::Device device_;
  at::ScalarType format_;
  int threads_;
};

}  // namespace

std::unique_ptr<Engine> compile_torchscript(const Request& request, Options options, c10::Device device) {
  const std::string optimize = take(options, "optimize_for_inference", "true");
  expect_none_left(options, "torch", kOptions);
  const at::ScalarType format = format_of(request.precision);
  torch::jit::Module module;
  try {
    module = torch::jit::load(request.model, device);
  } catch (const std::exception& e) {
    fail(FOVEA_INVALID_MODEL, "LibTorch cannot load the module: " + message_of(e),
         "save it with torch.jit.save; weights alone (a state_dict) are no module");
  }
  try {
    module.eval();
    if (format != at::kFloat) module.to(format);
    module = torch::jit::freeze(module);
    if (request.precision == FOVEA_INT8_PRODUCTS) check_quantized(module);
    if (parse_switch("optimize_for_inference", optimize)) module = torch::jit::optimize_for_inference(module);
  } catch (const std::exception& e) {
    fail(FOVEA_UNSUPPORTED, "LibTorch cannot optimise the module: " + message_of(e),
         "try -O optimize_for_inference=false");
  }
  auto engine = std::make_unique<TorchScript>(std::move(module), request, device);
  engine->facts = {
      {"format", "TorchScript, frozen"},
      {"optimize_for_inference", optimize},
      {"device", device.str()},
      {"precision", format == at::kFloat ? "as in the module"
                                         : "module and inputs converted to " +
                                               std::string(name_of_precision(request.precision)) + ", outputs to fp32"},
      {"threads", std::to_string(at::get_num_threads())}};
  return engine;
}

}  // namespace fovea::plugin
