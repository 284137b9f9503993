#include "elements.h"

#include <array>
#include <utility>

#include "fovea/fovea_backend.h"

namespace fovea::plugin {
namespace {

constexpr std::array<std::pair<int32_t, ONNXTensorElementDataType>, 13> kTypes = {{
    {FOVEA_F32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {FOVEA_F64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {FOVEA_F16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {FOVEA_BF16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {FOVEA_I8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {FOVEA_U8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {FOVEA_I16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {FOVEA_U16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {FOVEA_I32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {FOVEA_U32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {FOVEA_I64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {FOVEA_U64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {FOVEA_BOOL, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
}};

}  // namespace

int32_t from_ort(ONNXTensorElementDataType type) {
  for (const auto& [dtype, ort] : kTypes)
    if (ort == type) return dtype;
  return -1;
}

ONNXTensorElementDataType to_ort(int32_t dtype) {
  for (const auto& [known, ort] : kTypes)
    if (known == dtype) return ort;
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

}  // namespace fovea::plugin
