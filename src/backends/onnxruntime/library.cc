#include "library.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>

#include "logging.h"

namespace fovea::plugin {
namespace {

/// The version of the C interface is the middle number of the library's: 1.31.1 has the 31st. 0 for what is no version.
uint32_t api_version_of(std::string_view version) {
  uint32_t number = 0;
  const size_t dot = version.find('.');
  if (dot != std::string_view::npos) std::from_chars(version.data() + dot + 1, version.data() + version.size(), number);
  return number;
}

int32_t to_code(OrtErrorCode code, std::string_view message) {
  const auto says = [&](std::string_view text) { return message.find(text) != std::string_view::npos; };
  for (std::string_view lacking : {"is not a registered function/op", "No Op registered for", "is under development",
                                   "Opset version", "Unsupported model IR version"})
    if (says(lacking)) return FOVEA_UNSUPPORTED;
  switch (code) {
    case ORT_INVALID_ARGUMENT: return FOVEA_INVALID_ARGUMENT;
    case ORT_NO_SUCHFILE: return FOVEA_NOT_FOUND;
    case ORT_NO_MODEL:
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH: return FOVEA_INVALID_MODEL;
    case ORT_NOT_IMPLEMENTED: return FOVEA_UNSUPPORTED;
    case ORT_FAIL: return says("Load model from") ? FOVEA_INVALID_MODEL : FOVEA_INTERNAL;
    default: return says("bad_alloc") || says("Failed to allocate memory") ? FOVEA_OUT_OF_MEMORY : FOVEA_INTERNAL;
  }
}

}  // namespace

std::string sentence_of(std::string message) {
  constexpr std::string_view kMark = "[ONNXRuntimeError] : ";
  if (const size_t mark = message.find(kMark); mark != std::string::npos) {
    size_t colon = message.find(" : ", mark + kMark.size());                 // behind the number
    if (colon != std::string::npos) colon = message.find(" : ", colon + 3);  // behind its name
    if (colon != std::string::npos) message.erase(0, colon + 3);
  }
  if (message.starts_with('/')) {  // "/src/b.cc:34 very::long<signature> of_a_function(...) CUDA failure 100: ..."
    for (std::string_view start : {"CUDA failure ", "[OpenVINO] ", "Invalid provider_option "})
      if (const size_t at = message.find(start); at != std::string::npos) message.erase(0, at);
  }
  message.resize(std::min(message.find(" ; GPU="), message.size()));  // and the host's name behind it
  const size_t last = message.find_last_not_of(" \n");
  message.resize(last == std::string::npos ? 0 : last + 1);
  return message;
}

const OnnxRuntime& OnnxRuntime::load(const std::filesystem::path& file) {
  // Never destroyed, nor what it holds: see the class.
  static auto& loaded = *new std::map<std::filesystem::path, const OnnxRuntime*>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const OnnxRuntime*& library = loaded[file];
  if (!library) library = new OnnxRuntime(file);
  return *library;
}

OnnxRuntime::OnnxRuntime(const std::filesystem::path& file) : file_(file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    fail(FOVEA_UNAVAILABLE, file.string() + " cannot be loaded: " + (reason ? reason : "unknown reason"),
         "name another one with -O library=PATH");
  }
  void* symbol = dlsym(library, "OrtGetApiBase");
  if (!symbol)
    fail(FOVEA_UNAVAILABLE, file.string() + " is not ONNX Runtime: it has no OrtGetApiBase",
         "name libonnxruntime.so with -O library=PATH");
  if (Dl_info info{}; dladdr(symbol, &info) && info.dli_fname) {
    std::error_code failed;  // for a name without a folder: the file that the loader found
    const auto found = std::filesystem::canonical(info.dli_fname, failed);
    if (!failed) file_ = found;
  }
  const OrtApiBase* base = reinterpret_cast<const OrtApiBase*(ORT_API_CALL*)()>(symbol)();
  version_ = base->GetVersionString();
  const uint32_t newest = api_version_of(version_);
  // A library prints to stderr when it is asked for a version that it lacks; so it is asked for none of those.
  for (uint32_t version = std::min<uint32_t>(ORT_API_VERSION, newest); !api_ && version >= kOldestApi; --version)
    api_ = base->GetApi(version);
  if (!api_)
    fail(FOVEA_UNAVAILABLE, file_.string() + " is ONNX Runtime " + version_ + ", which is too old",
         "install ONNX Runtime 1." + std::to_string(kOldestApi) + " or later");

  check(api_->CreateEnvWithCustomLogger(on_message, nullptr, ORT_LOGGING_LEVEL_WARNING, "fovea", &env_));
  char** names = nullptr;
  int count = 0;
  check(api_->GetAvailableProviders(&names, &count));
  providers_.assign(names, names + count);
  check(api_->ReleaseAvailableProviders(names, count));
}

bool OnnxRuntime::has(std::string_view provider) const {
  return std::ranges::find(providers_, provider) != providers_.end();
}

void OnnxRuntime::check(OrtStatus* status) const {
  if (!status) return;
  const Owned<OrtStatus> owner{status, api_->ReleaseStatus};
  const std::string message = sentence_of(api_->GetErrorMessage(status));
  fail(to_code(api_->GetErrorCode(status), message), message);
}

std::string OnnxRuntime::take_text(char* text) const {
  OrtAllocator* allocator = nullptr;
  check(api_->GetAllocatorWithDefaultOptions(&allocator));
  std::string copy = text ? text : "";
  if (text) check(api_->AllocatorFree(allocator, text));
  return copy;
}

}  // namespace fovea::plugin
