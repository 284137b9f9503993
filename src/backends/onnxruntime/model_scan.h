// What the plugin must know of a model before ONNX Runtime reads it: which numbers its products are in, which other
// files belong to it, and a key for its contents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fovea::plugin {

struct ModelScan {
  bool quantized = false;             // has QuantizeLinear, DequantizeLinear or operators on integers
  bool half = false;                  // has weights in float16
  bool bfloat = false;                // has weights in bfloat16
  uint64_t bytes = 0;                 // of the file, and of those that hold its weights
  std::vector<std::string> external;  // files that hold its weights, relative to its folder
};

/// Walks over the ONNX file's messages without reading its weights. A file that is damaged ends the walk where it is:
/// ONNX Runtime says what is wrong with it. Throws Failure{FOVEA_NOT_FOUND or FOVEA_IO}.
ModelScan scan_model(const std::string& path);

/// A hash of the file's bytes, and of the names, sizes and times of the files that hold its weights.
uint64_t model_key(const std::string& path);

}  // namespace fovea::plugin
