// libonnxruntime, loaded; and owners of the objects that its C interface gives.
#pragma once

#include <onnxruntime_c_api.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin.h"

namespace fovea::plugin {

template <class T>
using Owned = std::unique_ptr<T, void(ORT_API_CALL*)(T*)>;

/// Of the C interface's versions, the first that has all functions that are called here, with exceptions noted there.
constexpr uint32_t kOldestApi = 17;

/// Without the source file and the numbers that ONNX Runtime puts before its sentences:
/// "/src/a.cc:12 f() [ONNXRuntimeError] : 1 : FAIL : Failed to load library ...".
std::string sentence_of(std::string message);

/// A loaded library and its environment. Lives until the process ends: ONNX Runtime's threads and its providers'
/// libraries do not survive being unloaded.
class OnnxRuntime {
 public:
  /// Throws Failure{FOVEA_UNAVAILABLE} where the file cannot be loaded, or is no ONNX Runtime or too old.
  static const OnnxRuntime& load(const std::filesystem::path& file);

  const OrtApi& api() const { return *api_; }
  const OrtEnv* env() const { return env_; }
  const std::string& version() const { return version_; }                   // "1.31.1"
  const std::filesystem::path& file() const { return file_; }               // that was loaded
  const std::vector<std::string>& providers() const { return providers_; }  // it was built with them
  bool has(std::string_view provider) const;

  /// Throws what the status says. ONNX Runtime's error codes become the border's.
  void check(OrtStatus* status) const;
  /// The object that `create(arguments..., &object)` makes, to be released by `release`.
  template <class T, class Create, class... Arguments>
  Owned<T> make(void(ORT_API_CALL* release)(T*), Create create, Arguments... arguments) const {
    T* object = nullptr;
    check(create(arguments..., &object));
    return {object, release};
  }
  /// Takes text that ONNX Runtime allocated with its default allocator.
  std::string take_text(char* text) const;

 private:
  explicit OnnxRuntime(const std::filesystem::path& file);

  const OrtApi* api_ = nullptr;
  OrtEnv* env_ = nullptr;
  std::string version_;
  std::filesystem::path file_;
  std::vector<std::string> providers_;
};

}  // namespace fovea::plugin
