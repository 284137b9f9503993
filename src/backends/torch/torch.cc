// The backend `torch`: TorchScript modules and AOTInductor packages by LibTorch, on the CPU and by CUDA.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <filesystem>
#include <mutex>

#include "plugin.h"
#include "tensors.h"
#include "torch_engine.h"

namespace fovea::plugin {

const fovea_option kOptions[] = {
    {"optimize_for_inference", "TorchScript: true (default), or false for a module that is only frozen"},
    {nullptr, nullptr}};

void use_threads(int threads) {
  static std::once_flag once;
  std::call_once(once, [] { at::set_num_interop_threads(1); });
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
}

std::filesystem::path library_file() {
  Dl_info info{};
  const bool found = dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) != 0;
  return found && info.dli_fname ? info.dli_fname : "";
}

namespace {

constexpr const char* kDevices[] = {"cpu", "cuda", nullptr};
#ifdef FOVEA_TORCH_INDUCTOR
constexpr const char* kSuffixes[] = {".pt2", ".pt", nullptr};
#else
constexpr const char* kSuffixes[] = {".pt", nullptr};
#endif

/// libtorch_cuda registers itself when it is loaded; without it LibTorch knows only the CPU.
c10::Device device_of(std::string_view name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  const auto file = library_file().parent_path() / "libtorch_cuda.so";
  if (!dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    const char* reason = dlerror();
    fail(FOVEA_UNAVAILABLE, "LibTorch's part for CUDA cannot be loaded: " + std::string(reason ? reason : "?"),
         "install a torch with CUDA, or use torch:cpu");
  }
  if (!at::globalContext().hasCUDA())
    fail(FOVEA_UNAVAILABLE, "LibTorch finds no GPU with CUDA here", "check nvidia-smi, or use torch:cpu");
  return c10::Device(c10::kCUDA, 0);
}

#ifdef FOVEA_TORCH_INDUCTOR
/// MODEL.b8.pt2 beside MODEL.pt2, which was compiled for batches of 8 alone.
std::string package_for(const Request& request) {
  if (request.inputs.empty() || request.inputs[0].shape.empty()) return request.model;
  std::filesystem::path other = request.model;
  other.replace_extension(".b" + std::to_string(request.inputs[0].shape[0]) + ".pt2");
  return std::filesystem::is_regular_file(other) ? other.string() : request.model;
}

/// The package for this batch; the TorchScript module beside it where the package has another precision.
std::unique_ptr<Engine> load_package(Request request, c10::Device device, const Log& log) {
  const std::filesystem::path module = std::filesystem::path(request.model).replace_extension(".pt");
  request.model = package_for(request);
  try {
    return load_inductor_package(request, request.options, device);
  } catch (const OtherPrecision& other) {
    if (!std::filesystem::is_regular_file(module)) throw;
    log.note(other.message + ": taking " + module.string());
    request.model = module.string();
    return compile_torchscript(request, request.options, device);
  }
}
#endif

class Torch final : public Runtime {
 public:
  Library probe(std::string_view device, const Options&, const Log&) override {
    device_of(device);
    return {TORCH_VERSION, library_file().string()};
  }

  std::unique_ptr<Engine> compile(const Request& request, [[maybe_unused]] const Log& log) override {
    const c10::Device device = device_of(request.device);
    if (!std::filesystem::is_regular_file(request.model))
      fail(FOVEA_NOT_FOUND, request.model + " is not a file", "check the path");
    use_threads(request.threads);
#ifdef FOVEA_TORCH_INDUCTOR
    if (request.model.ends_with(".pt2")) return load_package(request, device, log);
#endif
    return compile_torchscript(request, request.options, device);
  }
};

}  // namespace

Runtime& runtime() {
  static Torch runtime;
  return runtime;
}

fovea_backend texts() {
  fovea_backend texts{};
  texts.name = "torch";
  texts.title = "LibTorch";
  texts.devices = kDevices;
  texts.suffixes = kSuffixes;
  texts.options = kOptions;
  return texts;
}

}  // namespace fovea::plugin
