// TensorRT's libraries, loaded when they are needed, and its log.
#include "libraries.h"

#include <dlfcn.h>

#include <utility>

namespace fovea::plugin {
namespace {

constexpr size_t kLongestErrors = 600;

TensorRt load(const std::string& folder) {
  const std::string major = std::to_string(NV_TENSORRT_MAJOR);
  const std::string fix = "install TensorRT " + major + ", or name its folder with -O library_path";
  const SharedLibrary infer("libnvinfer.so." + major, folder, fix);
  const SharedLibrary parser("libnvonnxparser.so." + major, folder, fix);
  TensorRt t{};
  infer.find("createInferBuilder_INTERNAL", t.create_builder);
  infer.find("createInferRuntime_INTERNAL", t.create_runtime);
  parser.find("createNvOnnxParser_INTERNAL", t.create_parser);
  int32_t (*get_version)() = nullptr;
  infer.find("getInferLibVersion", get_version);
  const int32_t version = get_version();  // 10 16 01
  t.version =
      std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
  t.location = infer.location("createInferBuilder_INTERNAL");
  if (version / 10000 != NV_TENSORRT_MAJOR)
    fail(FOVEA_UNAVAILABLE, t.location + " is TensorRT " + t.version + ", but this plugin was built for " + major, fix);
  return t;
}

}  // namespace

SharedLibrary::SharedLibrary(const std::string& name, const std::string& folder, const std::string& fix) : name_(name) {
  handle_ = dlopen((folder.empty() ? name : folder + "/" + name).c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle_) return;
  const char* reason = dlerror();
  fail(FOVEA_UNAVAILABLE, std::string("cannot load ") + (reason ? reason : name), fix);
}

void* SharedLibrary::address(const char* symbol) const {
  void* found = dlsym(handle_, symbol);
  if (!found)
    fail(FOVEA_UNAVAILABLE, name_ + " has no " + symbol, "install the version that this plugin was built for");
  return found;
}

std::string SharedLibrary::location(const char* symbol) const {
  Dl_info info{};
  return dladdr(address(symbol), &info) != 0 && info.dli_fname ? info.dli_fname : name_;
}

void Logger::log(Severity severity, const char* message) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (severity <= Severity::kERROR && errors_.size() < kLongestErrors)
      errors_ += (errors_.empty() ? "" : "; ") + std::string(message);
    if (log_ && severity <= Severity::kINFO) log_->note(message);
  } catch (...) {  // no memory for a message: TensorRT must not see an exception
  }
}

std::string Logger::take_errors() {
  const std::lock_guard lock(mutex_);
  return errors_.empty() ? "no reason given" : std::exchange(errors_, {}).substr(0, kLongestErrors);
}

void Logger::set(const Log* log) {
  const std::lock_guard lock(mutex_);
  log_ = log;
  errors_.clear();
}

Logger& logger() {
  static Logger logger;
  return logger;
}

const TensorRt& tensorrt(const std::string& folder) {
  static std::mutex mutex;
  static TensorRt loaded;
  const std::lock_guard lock(mutex);
  if (loaded.version.empty()) loaded = load(folder);
  return loaded;
}

std::unique_ptr<nvinfer1::IBuilder> TensorRt::make_builder() const {
  return made_or_fail(static_cast<nvinfer1::IBuilder*>(create_builder(&logger(), NV_TENSORRT_VERSION)), "a builder");
}

std::unique_ptr<nvinfer1::IRuntime> TensorRt::make_runtime() const {
  return made_or_fail(static_cast<nvinfer1::IRuntime*>(create_runtime(&logger(), NV_TENSORRT_VERSION)), "a runtime");
}

std::unique_ptr<nvonnxparser::IParser> TensorRt::make_parser(nvinfer1::INetworkDefinition& network) const {
  return made_or_fail(static_cast<nvonnxparser::IParser*>(create_parser(&network, &logger(), NV_ONNX_PARSER_VERSION)),
                      "a parser");
}

}  // namespace fovea::plugin
