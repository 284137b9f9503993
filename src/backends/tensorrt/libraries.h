// TensorRT's libraries, loaded when they are needed, and its log.
#pragma once

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <memory>
#include <mutex>
#include <string>

#include "plugin.h"

namespace fovea::plugin {

/// A shared library that stays loaded.
class SharedLibrary {
 public:
  /// `folder` "": where the system looks. Throws FOVEA_UNAVAILABLE with `fix`.
  SharedLibrary(const std::string& name, const std::string& folder, const std::string& fix);

  template <class Function>
  void find(const char* symbol, Function& function) const {
    function = reinterpret_cast<Function>(address(symbol));
  }
  std::string location(const char* symbol) const;

 private:
  void* address(const char* symbol) const;
  std::string name_;
  void* handle_;
};

/// TensorRT's messages: to fovea's log while a call has one, and the errors kept for the failure that follows them.
class Logger final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;
  /// The errors since the last call, on one line.
  std::string take_errors();

  /// Sends messages to `log` while it lives.
  class Scope {
   public:
    Scope(Logger& logger, const Log& log) : logger_(logger) { logger_.set(&log); }
    ~Scope() { logger_.set(nullptr); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Logger& logger_;
  };

 private:
  void set(const Log* log);
  std::mutex mutex_;
  const Log* log_ = nullptr;
  std::string errors_;
};

/// TensorRT demands one logger for the whole process.
Logger& logger();

/// libnvinfer and libnvonnxparser of the headers' major version.
struct TensorRt {
  std::string version;   // of the library: "10.16.1"
  std::string location;  // its file

  std::unique_ptr<nvinfer1::IBuilder> make_builder() const;
  std::unique_ptr<nvinfer1::IRuntime> make_runtime() const;
  std::unique_ptr<nvonnxparser::IParser> make_parser(nvinfer1::INetworkDefinition& network) const;

  void* (*create_builder)(void*, int32_t);
  void* (*create_runtime)(void*, int32_t);
  void* (*create_parser)(void*, void*, int);
};
const TensorRt& tensorrt(const std::string& folder = {});

/// Throws where `made` is nullptr, with what TensorRT logged about it.
template <class T>
std::unique_ptr<T> made_or_fail(T* made, const char* what) {
  if (!made) fail(FOVEA_INTERNAL, std::string("TensorRT cannot make ") + what + ": " + logger().take_errors());
  return std::unique_ptr<T>(made);
}

}  // namespace fovea::plugin
