// A session of ONNX Runtime as an engine.
#pragma once

#include <string>
#include <vector>

#include "library.h"

namespace fovea::plugin {

/// Inputs are bound to the caller's memory. Outputs too where their types are known ahead: that is, where the model
/// declares them in numbers or in symbols of its inputs' shapes, and the last run proved it right. Others are allocated
/// by ONNX Runtime and copied once.
class SessionEngine final : public Engine {
 public:
  /// Throws Failure{FOVEA_UNSUPPORTED} for inputs and outputs that are no tensors of numbers.
  SessionEngine(const OnnxRuntime& library, Owned<OrtSession> session);

  void prepare(std::span<const Port> ports) override;
  void run(std::span<const fovea_tensor> tensors, Outputs& places) override;

 private:
  /// Where an extent of an output comes from: a number, or an input's shape.
  struct Extent {
    int64_t number = -1;
    size_t input = 0, dimension = 0;
  };
  struct Output {
    bool predictable = false;
    std::vector<Extent> extents;
    std::vector<int64_t> predicted;  // for this run's inputs
    std::vector<int64_t> proven;     // the prediction that came true last
    bool has_proof = false, bound = false;
  };

  void predict(std::span<const fovea_tensor> tensors);
  void bind(std::span<const fovea_tensor> tensors, Outputs* places);
  void run_bound();
  void collect(Outputs* places);
  Owned<OrtValue> tensor_on(void* data, int32_t dtype, std::span<const int64_t> shape) const;

  const OnnxRuntime& library_;
  Owned<OrtSession> session_;
  Owned<OrtMemoryInfo> host_;
  Owned<OrtRunOptions> run_options_;
  Owned<OrtIoBinding> binding_;
  std::vector<Output> outputs_;
  std::vector<int64_t> shape_;  // of the output being collected
};

}  // namespace fovea::plugin
