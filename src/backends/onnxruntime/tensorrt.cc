#include "tensorrt.h"

#include <dlfcn.h>
#include <link.h>

#include <string_view>

namespace fovea::plugin {
namespace {

int find_nvinfer(dl_phdr_info* info, size_t /*size*/, void* found) {
  const std::string_view path = info->dlpi_name ? info->dlpi_name : "";
  const size_t slash = path.rfind('/');
  if (!path.substr(slash == std::string_view::npos ? 0 : slash + 1).starts_with("libnvinfer.so")) return 0;
  *static_cast<std::string*>(found) = path;
  return 1;
}

/// 101305 is 10.13.5; before 10 it was 8601 for 8.6.1.
TensorRtVersion decode(int number) {
  const bool old = number < 100000;
  const int major = old ? number / 1000 : number / 10000, minor = old ? number / 100 % 10 : number / 100 % 100;
  return {major, std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(number % 100), {}};
}

}  // namespace

TensorRtVersion loaded_tensorrt() {
  std::string path;
  if (dl_iterate_phdr(find_nvinfer, &path) == 0) return {};
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!library) return {};
  const auto version = reinterpret_cast<int (*)()>(dlsym(library, "getInferLibVersion"));
  TensorRtVersion result = version ? decode(version()) : TensorRtVersion{};
  result.location = path;
  dlclose(library);  // what dlopen counted; the provider keeps it
  return result;
}

}  // namespace fovea::plugin
