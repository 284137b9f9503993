#include "ops/onnx_dtype.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/error.h"

namespace fovea::ops {
namespace {

struct Named {
  std::string_view name;
  std::optional<DType> dtype;
};

// By ONNX's number.
constexpr std::array<Named, 29> kTypes = {{
    {"UNDEFINED", {}},
    {"FLOAT", DType::f32},
    {"UINT8", DType::u8},
    {"INT8", DType::i8},
    {"UINT16", DType::u16},
    {"INT16", DType::i16},
    {"INT32", DType::i32},
    {"INT64", DType::i64},
    {"STRING", {}},
    {"BOOL", DType::boolean},
    {"FLOAT16", DType::f16},
    {"DOUBLE", DType::f64},
    {"UINT32", DType::u32},
    {"UINT64", DType::u64},
    {"COMPLEX64", {}},
    {"COMPLEX128", {}},
    {"BFLOAT16", DType::bf16},
    {"FLOAT8E4M3FN", {}},
    {"FLOAT8E4M3FNUZ", {}},
    {"FLOAT8E5M2", {}},
    {"FLOAT8E5M2FNUZ", {}},
    {"UINT4", {}},
    {"INT4", {}},
    {"FLOAT4E2M1", {}},
    {"FLOAT8E8M0", {}},
    {"UINT2", {}},
    {"INT2", {}},
    {"FLOAT6E2M3", {}},
    {"FLOAT6E3M2", {}},
}};

}  // namespace

Result<DType> dtype_from_onnx(int64_t number) {
  const bool listed = number >= 0 && number < static_cast<int64_t>(kTypes.size());
  if (!listed) return unsupported("a tensor of number {}, which fovea lacks", number);
  const Named& type = kTypes[static_cast<size_t>(number)];
  if (!type.dtype) return unsupported("a tensor of {}, which fovea lacks", type.name);
  return *type.dtype;
}

Result<DType> dtype_named(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &Named::name);
  if (found == kTypes.end()) return invalid_model("\"{}\" is not the name of an element type", name);
  return dtype_from_onnx(found - kTypes.begin());
}

int32_t dtype_to_onnx(DType dtype) {
  return static_cast<int32_t>(std::ranges::find(kTypes, dtype, &Named::dtype) - kTypes.begin());
}

}  // namespace fovea::ops
