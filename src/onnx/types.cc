#include "onnx/types.h"

#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "onnx/onnx_wire.pb.h"
#include "ops/onnx_dtype.h"

namespace fovea::onnx {
namespace {

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
  if (tensor.elem_type() != 0) type.dtype = FOVEA_TRY(ops::dtype_from_onnx(tensor.elem_type()));
  if (tensor.has_shape())
    type.shape = FOVEA_TRY_AT(fmt::format("value \"{}\"", info.name()), read_shape(tensor.shape()));
  return type;
}

}  // namespace fovea::onnx
