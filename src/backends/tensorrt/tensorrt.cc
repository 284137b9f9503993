// The backend `tensorrt`: TensorRT's C++ API, versions 10 and 11. onnxruntime:tensorrt is the other way to it.
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cuda.h"
#include "engine.h"
#include "libraries.h"
#include "plugin.h"
#include "types.h"

namespace fovea::plugin {
namespace {

constexpr const char* kDevices[] = {"cuda", nullptr};
constexpr const char* kSuffixes[] = {".onnx", nullptr};
constexpr fovea_option kOptions[] = {
    {"profile_min_shapes", "least shapes of inputs with open extents, as in input:1x3x224x224,mask:1x7"},
    {"profile_opt_shapes", "the shapes to tune for"},
    {"profile_max_shapes", "the largest shapes"},
    {"builder_optimization_level", "0 to 5: time to build against speed (default: TensorRT's)"},
    {"max_workspace_size", "bytes that layers may use (default: all)"},
    {"strongly_typed", "version 10: true takes all formats from the model (11 always does)"},
    {"tf32", "true allows TF32 in fp32 products (default false)"},
    {"cuda_graph", "true records a run and launches it as a whole (default false)"},
    {"device_id", "GPU (default 0)"},
    {"library_path", "folder of libnvinfer, libnvonnxparser and libcudart"},
    {nullptr, nullptr}};

bool take_switch(Options& options, const std::string& name, bool otherwise) {
  const std::string value = take(options, name, otherwise ? "true" : "false");
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  fail(FOVEA_INVALID_ARGUMENT, name + "=" + value + " is no choice", "give true or false");
}

int64_t take_number(Options& options, const std::string& name, int64_t otherwise, int64_t most) {
  const std::string value = take(options, name);
  if (value.empty()) return otherwise;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < 0 || number > most)
    fail(FOVEA_INVALID_ARGUMENT, name + "=" + value + " is no number that it takes",
         "give one from 0 to " + std::to_string(most));
  return number;
}

/// "input:1x3x224x224,mask:1x7"; names may have colons, shapes have none.
std::map<std::string, std::vector<int64_t>> take_shapes(Options& options, const std::string& name) {
  std::map<std::string, std::vector<int64_t>> shapes;
  const std::string value = take(options, name);
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t colon = item.rfind(':');
    const auto refuse = [&] {
      fail(FOVEA_INVALID_ARGUMENT, name + ": \"" + std::string(item) + "\" is no shape",
           "write it as input:1x3x224x224");
    };
    if (colon == std::string_view::npos || colon == 0) refuse();
    std::vector<int64_t>& shape = shapes[std::string(item.substr(0, colon))];
    for (std::string_view extents = item.substr(colon + 1); !extents.empty();) {
      const std::string_view extent = extents.substr(0, extents.find('x'));
      int64_t number = 0;
      const auto [end, error] = std::from_chars(extent.data(), extent.data() + extent.size(), number);
      if (error != std::errc() || end != extent.data() + extent.size() || number < 1) refuse();
      shape.push_back(number);
      extents.remove_prefix(std::min(extents.size(), extent.size() + 1));
    }
  }
  return shapes;
}

/// The user's ranges; else the one shape that the request names.
Profile take_profile(Options& options, const Request& request, bool& is_fixed) {
  const auto min = take_shapes(options, "profile_min_shapes"), opt = take_shapes(options, "profile_opt_shapes"),
             max = take_shapes(options, "profile_max_shapes");
  is_fixed = !min.empty() || !opt.empty() || !max.empty();
  Profile profile;
  for (const auto& [name, shape] : max) {
    const auto least = min.find(name), usual = opt.find(name);
    if (least == min.end())
      fail(FOVEA_INVALID_ARGUMENT, "\"" + name + "\" has a largest shape and no least one",
           "give profile_min_shapes too");
    profile[name] = {least->second, usual == opt.end() ? shape : usual->second, shape};
  }
  if (profile.size() != min.size() || opt.size() > profile.size())
    fail(FOVEA_INVALID_ARGUMENT, "the shapes of the profile name different inputs",
         "give profile_min_shapes and profile_max_shapes for the same ones");
  if (!is_fixed)
    for (const Port& port : request.inputs)
      if (port.has_shape && std::ranges::find(port.shape, -1) == port.shape.end())
        profile[port.name] = {port.shape, port.shape, port.shape};
  return profile;
}

std::string device_text(int device) {
  int major = 0, minor = 0;
  cuda().check(cuda().device_attribute(&major, cudaDevAttrComputeCapabilityMajor, device), "read the GPU's version");
  cuda().check(cuda().device_attribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "read the GPU's version");
  return "sm_" + std::to_string(10 * major + minor) + "-" + tensorrt().version;
}

void use_device(int device) {
  int count = 0;
  const cudaError_t error = cuda().device_count(&count);
  if (error != cudaSuccess || count == 0)
    fail(FOVEA_UNAVAILABLE, std::string("CUDA finds no GPU here: ") + cuda().error_string(error),
         "check nvidia-smi; without a GPU, openvino and onnxruntime run on the CPU");
  if (device >= count)
    fail(FOVEA_INVALID_ARGUMENT, "there is no GPU " + std::to_string(device), "there are " + std::to_string(count));
  cuda().check(cuda().set_device(device), "take the GPU");
}

class TensorRtRuntime final : public Runtime {
 public:
  Library probe(std::string_view, const Options& given, const Log& log) override {
    Options options = given;
    const std::string folder = take(options, "library_path");
    const Logger::Scope scope(logger(), log);
    const TensorRt& library = tensorrt(folder);
    cuda(folder);
    use_device(static_cast<int>(take_number(options, "device_id", 0, 1000)));
    return {library.version, library.location};
  }

  std::unique_ptr<Engine> compile(const Request& request, const Log& log) override {
    const Logger::Scope scope(logger(), log);
    Options options = request.options;
    const std::string folder = take(options, "library_path");
    if (!std::filesystem::is_regular_file(request.model))
      fail(FOVEA_NOT_FOUND, request.model + " is not a file", "check the path");
    EngineSettings settings;
    for (const auto& [name, value] : request.options)
      if (name != "library_path" && name != "cuda_graph" && !name.starts_with("profile_"))
        settings.text += name + "=" + value + "\n";
    settings.text += name_of_precision(request.precision);
    settings.build.precision = request.precision;
    settings.build.strongly_typed = take_switch(options, "strongly_typed", settings.build.strongly_typed);
    if (NV_TENSORRT_MAJOR >= 11 && !settings.build.strongly_typed)
      fail(FOVEA_INVALID_ARGUMENT, "TensorRT 11 knows strongly typed networks only", "leave out -O strongly_typed");
    settings.build.tf32 = take_switch(options, "tf32", false);
    settings.build.optimization_level = static_cast<int>(take_number(options, "builder_optimization_level", -1, 5));
    settings.build.workspace = take_number(options, "max_workspace_size", -1, int64_t{1} << 50);
    settings.cuda_graph = take_switch(options, "cuda_graph", false);
    settings.profile = take_profile(options, request, settings.profile_is_fixed);
    const int device = static_cast<int>(take_number(options, "device_id", 0, 1000));
    expect_none_left(options, "tensorrt", kOptions);
    tensorrt(folder);
    cuda(folder);
    use_device(device);
    settings.device_id = device;
    settings.device = device_text(device);
    return std::make_unique<TensorRtEngine>(request, std::move(settings));
  }
};

}  // namespace

Runtime& runtime() {
  static TensorRtRuntime runtime;
  return runtime;
}

fovea_backend texts() {
  fovea_backend texts{};
  texts.name = "tensorrt";
  texts.title = "TensorRT";
  texts.devices = kDevices;
  texts.suffixes = kSuffixes;
  texts.options = kOptions;
  return texts;
}

}  // namespace fovea::plugin
