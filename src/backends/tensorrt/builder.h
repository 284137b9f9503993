// From an ONNX file to a plan: TensorRT's builder.
#pragma once

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin.h"

namespace fovea::plugin {

/// The shapes of one input that a plan is for, and the one that it is tuned for.
struct ShapeRange {
  std::vector<int64_t> min, opt, max;
};
using Profile = std::map<std::string, ShapeRange>;  // by the input's name

struct BuildSettings {
  int32_t precision = FOVEA_FP32;
  bool strongly_typed = NV_TENSORRT_MAJOR >= 11;  // every format as the model has it; from version 11 on always
  bool tf32 = false;                              // fp32 products with 10 bits of mantissa
  int optimization_level = -1;                    // 0 to 5; -1: TensorRT's default
  int64_t workspace = -1;                         // bytes; -1: all of the GPU
};

/// An ONNX model as TensorRT's network.
class ParsedModel {
 public:
  /// Throws FOVEA_INVALID_MODEL or FOVEA_UNSUPPORTED with the parser's reasons, which name the node, and
  /// FOVEA_INVALID_ARGUMENT for a precision that this network cannot have.
  ParsedModel(const std::string& path, const BuildSettings& settings);

  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }

  /// Whether each open extent has a range in `profile`.
  bool is_covered(const Profile& profile) const;

  /// Takes minutes for a large model. `timings` is what earlier builds measured, and is brought up to date. Throws
  /// FOVEA_UNSUPPORTED, with what TensorRT logged.
  std::vector<char> build(const Profile& profile, std::vector<char>& timings) const;

 private:
  void check_types() const;
  void add_profile(nvinfer1::IBuilderConfig& config, const Profile& profile) const;

  BuildSettings settings_;
  std::unique_ptr<nvinfer1::IBuilder> builder_;
  std::unique_ptr<nvinfer1::INetworkDefinition> network_;
  std::unique_ptr<nvonnxparser::IParser> parser_;  // holds the weights
  std::vector<Port> inputs_, outputs_;
};

}  // namespace fovea::plugin
