#include "onnx/types.h"

#include <array>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "onnx/onnx_wire.pb.h"

namespace fovea::onnx {
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

bool is_listed(int32_t data_type) { return data_type >= 0 && static_cast<size_t>(data_type) < kTypes.size(); }

Result<std::vector<Dim>> read_shape(const wire::Shape& shape) {
  std::vector<Dim> dims;
  int64_t product = 1;
  for (const auto& dimension : shape.dim()) {
    Dim dim;
    if (dimension.has_dim_param()) dim.symbol = dimension.dim_param();
    if (dimension.has_dim_value()) {
      // -1 is no ONNX, but some exporters write it for an extent that they do not know.
      if (dimension.dim_value() < -1) return invalid_model("extent {} is negative", dimension.dim_value());
      dim.value = dimension.dim_value();
    }
    if (dim.value > 0) {
      const auto next = checked_mul(product, dim.value);
      if (!next || !checked_mul(*next, 8)) return invalid_model("the extents' product overflows");
      product = *next;
    }
    dims.push_back(std::move(dim));
  }
  return dims;
}

}  // namespace

std::optional<DType> dtype_from_wire(int32_t data_type) {
  return is_listed(data_type) ? kTypes[static_cast<size_t>(data_type)].dtype : std::nullopt;
}

int32_t dtype_to_wire(DType dtype) {
  int32_t number = 0;
  while (kTypes[static_cast<size_t>(number)].dtype != dtype) ++number;
  return number;
}

std::string wire_type_name(int32_t data_type) {
  return is_listed(data_type) ? std::string(kTypes[static_cast<size_t>(data_type)].name)
                              : fmt::format("number {}", data_type);
}

Result<ValueType> read_type(const wire::ValueInfo& info) {
  using Case = wire::Type::ValueCase;
  const auto refuse = [&](std::string_view kind) {
    return unsupported("\"{}\" is {}, fovea knows tensors only", info.name(), kind);
  };
  switch (info.type().value_case()) {
    case Case::VALUE_NOT_SET: return ValueType{};
    case Case::kSequenceType: return refuse("a sequence");
    case Case::kMapType: return refuse("a map");
    case Case::kOpaqueType: return refuse("opaque");
    case Case::kSparseTensorType: return refuse("a sparse tensor");
    case Case::kOptionalType: return refuse("an optional");
    case Case::kTensorType: break;
  }
  const wire::Type::Tensor& tensor = info.type().tensor_type();
  ValueType type;
  if (tensor.elem_type() != 0) {
    type.dtype = dtype_from_wire(tensor.elem_type());
    if (!type.dtype)
      return unsupported("\"{}\" has element type {}, which fovea lacks", info.name(),
                         wire_type_name(tensor.elem_type()));
  }
  if (tensor.has_shape())
    type.shape = FOVEA_TRY_AT(fmt::format("value \"{}\"", info.name()), read_shape(tensor.shape()));
  return type;
}

}  // namespace fovea::onnx
