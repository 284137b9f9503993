// TensorRT's types as the border's.
#pragma once

#include <NvInferRuntime.h>

#include <span>
#include <string>
#include <vector>

#include "plugin.h"

namespace fovea::plugin {

/// Throws FOVEA_UNSUPPORTED for a type that the border has not (8-bit floats, 4-bit integers), naming `port`.
int32_t to_dtype(nvinfer1::DataType type, const std::string& port);
/// Throws FOVEA_INVALID_ARGUMENT for more dimensions than TensorRT has (8).
nvinfer1::Dims to_dims(std::span<const int64_t> shape);
std::vector<int64_t> to_shape(const nvinfer1::Dims& dims);
/// "1x3x224x224"
std::string to_text(std::span<const int64_t> shape);

}  // namespace fovea::plugin
