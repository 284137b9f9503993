#include "ops/widen.h"

#include "base/error.h"

namespace fovea::ops {

Result<TensorType> checked_type(DType dtype, Shape shape) {
  // Eight bytes an element, so that the wide form of the tensor can be counted as well.
  if (!checked_bytes(DType::f64, shape).ok())
    return invalid_model("an output of shape {} is too large", to_string(shape));
  return TensorType{dtype, std::move(shape)};
}

}  // namespace fovea::ops
