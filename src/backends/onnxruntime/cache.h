// Where compiled engines are kept: one folder for each model, runtime and set of options.
#pragma once

#include <filesystem>
#include <string>

#include "library.h"

namespace fovea::plugin {

/// A folder below request.cache that nothing shares whose result could differ: the key is of the model's bytes, the
/// library, the device, the precision, the options and the CPU. Made if it is not there. Throws Failure{FOVEA_IO}.
std::filesystem::path cache_folder(const Request& request, const OnnxRuntime& library);

/// The graph as ONNX Runtime has optimised it for this CPU, kept as a file.
class OptimizedModel {
 public:
  explicit OptimizedModel(const std::filesystem::path& folder);
  ~OptimizedModel();  // removes what was not kept
  OptimizedModel(const OptimizedModel&) = delete;
  OptimizedModel& operator=(const OptimizedModel&) = delete;

  const std::filesystem::path& file() const { return file_; }
  bool there() const;
  /// Where ONNX Runtime is to write it, for keep() to move into place at once.
  const std::filesystem::path& draft() const { return draft_; }
  /// False where it could not be written; the next load then does without it.
  bool keep();
  void discard();

 private:
  std::filesystem::path file_, draft_;
};

}  // namespace fovea::plugin
