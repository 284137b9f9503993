// TensorRT's types as the border's.
#include "types.h"

namespace fovea::plugin {

int32_t to_dtype(nvinfer1::DataType type, const std::string& port) {
  using nvinfer1::DataType;
  switch (type) {
    case DataType::kFLOAT: return FOVEA_F32;
    case DataType::kHALF: return FOVEA_F16;
    case DataType::kBF16: return FOVEA_BF16;
    case DataType::kINT8: return FOVEA_I8;
    case DataType::kUINT8: return FOVEA_U8;
    case DataType::kINT32: return FOVEA_I32;
    case DataType::kINT64: return FOVEA_I64;
    case DataType::kBOOL: return FOVEA_BOOL;
    default:
      fail(FOVEA_UNSUPPORTED, "\"" + port + "\" is of a type that fovea has not",
           "use a model whose inputs and outputs have 8 bits or more");
  }
}

nvinfer1::Dims to_dims(std::span<const int64_t> shape) {
  nvinfer1::Dims dims{};
  if (shape.size() > nvinfer1::Dims::MAX_DIMS)
    fail(FOVEA_INVALID_ARGUMENT, "TensorRT has no tensors of " + std::to_string(shape.size()) + " dimensions");
  dims.nbDims = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims.d[i] = shape[i];
  return dims;
}

std::vector<int64_t> to_shape(const nvinfer1::Dims& dims) {
  return dims.nbDims > 0 ? std::vector<int64_t>(dims.d, dims.d + dims.nbDims) : std::vector<int64_t>();
}

std::string to_text(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

}  // namespace fovea::plugin
