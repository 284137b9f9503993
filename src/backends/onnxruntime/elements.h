// Element types: ONNX Runtime's and the border's.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>

namespace fovea::plugin {

/// FOVEA_*, or -1 for a type that fovea has no tensors of: strings, complex numbers, 8-bit floats, 4-bit integers.
int32_t from_ort(ONNXTensorElementDataType type);
ONNXTensorElementDataType to_ort(int32_t dtype);

}  // namespace fovea::plugin
