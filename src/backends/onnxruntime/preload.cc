#include "preload.h"

#include <dlfcn.h>

#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace fovea::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNeedsGpu =
    "this device needs an NVIDIA GPU and a driver that is new enough: `nvidia-smi` must list them";

/// The library that the loader's message names: "libcublas.so.13: cannot open shared object file".
std::optional<std::string> missing_library(std::string_view message) {
  const size_t end = message.find(": cannot open shared object file");
  if (end == std::string_view::npos) return std::nullopt;
  const size_t before = message.find_last_of(" /\t\n", end);
  const size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return std::string(message.substr(begin, end - begin));
}

std::optional<fs::path> in_packages(const fs::path& packages, const std::string& library) {
  std::vector<fs::path> folders = {packages / "tensorrt_libs", packages / "openvino" / "libs"};
  std::error_code failed;
  for (fs::directory_iterator entry(packages / "nvidia", failed), end; !failed && entry != end; entry.increment(failed))
    folders.push_back(entry->path() / "lib");
  for (const fs::path& folder : folders)
    if (fs::exists(folder / library, failed)) return folder / library;
  return std::nullopt;
}

/// Loads a library of the packages, with those that it needs; it stays loaded, and others then find it by its name.
/// `tried` keeps two that need each other from going round.
bool load_from_packages(const fs::path& packages, const std::string& library, std::set<std::string>& tried,
                        const Log& log) {
  if (!tried.insert(library).second) return false;
  const auto file = in_packages(packages, library);
  if (!file) return false;
  for (;;) {
    if (dlopen(file->c_str(), RTLD_NOW | RTLD_LOCAL)) {
      log.note("loaded " + file->string());
      return true;
    }
    const char* reason = dlerror();
    const auto missing = missing_library(reason ? reason : "");
    if (!missing || !load_from_packages(packages, *missing, tried, log)) return false;
  }
}

/// What to do about a library that is missing.
std::string fix_for(const std::string& library) {
  if (library.starts_with("libcuda.so")) return std::string(kNeedsGpu);
  if (library.starts_with("libnvinfer") || library.starts_with("libnvonnxparser"))
    return "install the TensorRT that this ONNX Runtime was built for (`pip install tensorrt==N.*`, N as in the "
           "library's name, into the same Python environment), or add its folder to LD_LIBRARY_PATH";
  if (library.starts_with("libcu") || library.starts_with("libnv"))
    return "install the CUDA libraries (`pip install onnxruntime-gpu[cuda,cudnn]` into the Python environment of ONNX "
           "Runtime), or add their folder to LD_LIBRARY_PATH";
  if (library.starts_with("libopenvino")) return "install `onnxruntime-openvino`, which brings OpenVINO's libraries";
  return "install the package that has it, or add its folder to LD_LIBRARY_PATH";
}

}  // namespace

bool lacks_gpu(Failure& failure) {
  const auto says = [&](std::string_view text) { return failure.message.find(text) != std::string::npos; };
  if (!says("CUDA failure") && !says("CUDA error")) return false;
  // Out of memory, for one, is no lack of a GPU.
  if (!says("CUDA driver version") && !says("no CUDA-capable device") && !says("invalid device ordinal")) return false;
  failure.code = FOVEA_UNAVAILABLE;
  failure.fix = kNeedsGpu;
  return true;
}

void load_with_packages(const fs::path& onnxruntime, const std::function<void()>& load, const Log& log) {
  // site-packages/onnxruntime/capi/libonnxruntime.so
  const fs::path packages = onnxruntime.parent_path().parent_path().parent_path();
  std::set<std::string> tried;
  for (;;) {
    try {
      return load();
    } catch (Failure& failure) {
      const auto missing = missing_library(failure.message);
      if (missing && load_from_packages(packages, *missing, tried, log)) continue;
      if (missing) {
        failure.code = FOVEA_UNAVAILABLE;
        failure.fix = fix_for(*missing);
      }
      throw;
    }
  }
}

}  // namespace fovea::plugin
