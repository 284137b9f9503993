// The TensorRT that ONNX Runtime's provider has loaded.
#pragma once

#include <string>

namespace fovea::plugin {

struct TensorRtVersion {
  int major = 0;  // 0: none is loaded
  std::string text, location;
};

/// Looks among the libraries of this process.
TensorRtVersion loaded_tensorrt();

}  // namespace fovea::plugin
