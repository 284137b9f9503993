// Packages of AOTInductor (.pt2): a model that PyTorch's compiler made into a shared library. Loading one runs its
// code.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <charconv>
#include <cstdlib>

#include "tensors.h"
#include "torch_engine.h"

namespace fovea::plugin {
namespace {

using Metadata = std::unordered_map<std::string, std::string>;

/// How often `"type": null`, which marks a leaf, stands in one of the two descriptions of a package's call.
size_t count_leaves(const std::string& spec) {
  size_t count = 0;
  for (size_t at = 0; (at = spec.find("\"type\"", at)) != std::string::npos;) {
    at = spec.find_first_not_of(": ", at + 6);
    if (at == std::string::npos) break;
    count += spec.compare(at, 4, "null") == 0 ? 1 : 0;
  }
  return count;
}

int32_t parse_dtype(std::string_view name) {
  constexpr std::string_view kNames[] = {"float32", "float64", "float16", "bfloat16", "int8",   "uint8", "int16",
                                         "uint16",  "int32",   "uint32",  "int64",    "uint64", "bool"};
  for (int32_t i = 0; i < 13; ++i)
    if (kNames[i] == name) return i;
  return -1;
}

/// "input float32 ?x3x224x224", a line a port: what tools/export_torch.py writes into a package.
std::vector<Port> parse_ports(std::string_view text) {
  std::vector<Port> ports;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t last = line.rfind(' '), before = last == std::string_view::npos ? last : line.rfind(' ', last - 1);
    if (before == std::string_view::npos) continue;
    Port port{std::string(line.substr(0, before)), parse_dtype(line.substr(before + 1, last - before - 1)), true};
    for (std::string_view shape = line.substr(last + 1); !shape.empty();) {
      const std::string_view extent = shape.substr(0, shape.find('x'));
      shape.remove_prefix(std::min(shape.size(), extent.size() + 1));
      int64_t value = -1;
      std::from_chars(extent.data(), extent.data() + extent.size(), value);
      port.shape.push_back(value);
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

std::vector<Port> unnamed(const std::string& name, size_t count) {
  std::vector<Port> ports;
  for (size_t i = 0; i < count; ++i) ports.push_back({count == 1 ? name : name + std::to_string(i)});
  return ports;
}

/// The format of the weights; -1 where there are none, or of several.
int32_t format_of(torch::inductor::AOTIModelPackageLoader& package) {
  int32_t format = -1;
  for (const auto& [name, type] : package.get_runner()->getConstantNamesToDtypes()) {
    const auto scalar = static_cast<at::ScalarType>(type);
    if (!at::isFloatingType(scalar) || to_dtype(scalar) == format) continue;
    if (format >= 0) return -1;
    format = to_dtype(scalar);
  }
  return format;
}

void check_precision(const Request& request, const std::string& stated, int32_t weights) {
  const std::string made = !stated.empty()         ? stated
                           : weights == FOVEA_BF16 ? "bf16"
                           : weights == FOVEA_F16  ? "fp16"
                                                   : "fp32";
  if (made == name_of_precision(request.precision)) return;
  throw OtherPrecision{
      {FOVEA_INVALID_ARGUMENT,
       request.model + " was compiled for " + made + ", not " + std::string(name_of_precision(request.precision)),
       "compile one for it, or put a TorchScript module (.pt) beside it"}};
}

/// Packages name libtorch.so, which stands for all of LibTorch; this plugin is linked with its CPU part only.
void load_whole_torch() {
  const std::filesystem::path file = library_file().replace_filename("libtorch.so");
  if (dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return;
  const char* reason = dlerror();
  fail(FOVEA_UNAVAILABLE, "the package needs " + file.string() + ", which cannot be loaded: " + (reason ? reason : "?"),
       "install torch with its dependencies, or one for CPUs alone; TorchScript (.pt) needs neither");
}

class InductorPackage final : public Engine {
 public:
  InductorPackage(const Request& request, c10::Device device)
      : package_(request.model, "model", false, 1, device.is_cuda() ? device.index() : c10::DeviceIndex{-1}),
        device_(device),
        threads_(request.threads) {
    const Metadata metadata = package_.get_metadata();
    const auto stated = [&](const std::string& key) {
      const auto entry = metadata.find(key);
      return entry == metadata.end() ? std::string() : entry->second;
    };
    if (const std::string made_for = stated("AOTI_DEVICE_KEY"); !made_for.empty() && made_for != request.device)
      fail(FOVEA_INVALID_ARGUMENT, "the package was compiled for " + made_for, "use torch:" + made_for);
    const int32_t weights = format_of(package_);
    check_precision(request, stated("fovea.precision"), weights);
    format_ = request.precision == FOVEA_BF16_PRODUCTS   ? at::kBFloat16
              : request.precision == FOVEA_FP16_PRODUCTS ? at::kHalf
                                                         : at::kFloat;
    widen_ = format_ != at::kFloat;
    inputs = parse_ports(stated("fovea.inputs"));
    outputs = parse_ports(stated("fovea.outputs"));
    const std::vector<std::string> call = package_.get_call_spec();
    if (call.size() == 2 && inputs.size() != count_leaves(call[0])) inputs = unnamed("input", count_leaves(call[0]));
    if (call.size() == 2 && outputs.size() != count_leaves(call[1])) outputs = unnamed("output", count_leaves(call[1]));
    const std::string threads = stated("fovea.threads");
    facts = {
        {"format", "AOTInductor"},
        {"device", device.str()},
        {"precision", std::string(name_of_precision(request.precision)) + ", as compiled"},
        {"threads", threads.empty() || threads == "any" ? std::to_string(request.threads) : threads + ", as compiled"}};
    for (const auto& [key, value] : metadata)
      if (key.starts_with("AOTI_")) facts.emplace_back(key, value);
  }

  void run(std::span<const fovea_tensor> tensors, Outputs& places) override {
    use_threads(threads_);
    const c10::InferenceMode guard;
    std::vector<at::Tensor> values;
    for (size_t i = 0; i < tensors.size(); ++i) {
      at::Tensor value = wrap(tensors[i]);
      // The border's tensors are the model's; a package compiled for bf16 takes bf16.
      if (widen_ && value.is_floating_point()) value = value.to(format_);
      values.push_back(value.to(device_));
    }
    std::vector<at::Tensor> results;
    try {
      results = package_.run(values);
    } catch (const std::exception& e) {
      fail(FOVEA_INVALID_ARGUMENT, "the package failed: " + message_of(e),
           "feed inputs of the types and shapes that it was compiled for");
    }
    if (results.size() != outputs.size())
      fail(FOVEA_UNSUPPORTED, "the package returned " + std::to_string(results.size()) + " tensors");
    for (size_t i = 0; i < results.size(); ++i) deliver(results[i], i, widen_, places);
  }

 private:
  torch::inductor::AOTIModelPackageLoader package_;
  c10::Device device_;
  int threads_;
  bool widen_ = false;
  at::ScalarType format_ = at::kFloat;
};

}  // namespace

std::unique_ptr<Engine> load_inductor_package(const Request& request, Options options, c10::Device device) {
  expect_none_left(options, "torch with .pt2", kOptions + 1);
  load_whole_torch();
  // Compiled code trusts its inputs; this makes it look at their types and shapes first.
  setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 0);
  try {
    return std::make_unique<InductorPackage>(request, device);
  } catch (const std::exception& e) {
    fail(FOVEA_INVALID_MODEL, "LibTorch cannot load the package: " + message_of(e),
         "make it with tools/export_torch.py on a machine like this one");
  }
}

}  // namespace fovea::plugin
