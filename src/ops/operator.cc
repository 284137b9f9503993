#include "ops/operator.h"

#include "base/error.h"

namespace fovea::ops {

Result<Tensor> Inputs::value(size_t i) const {
  if (!has(i)) return internal("input {} is not there", i);
  if (inputs_[i].value == nullptr) return needs_value("the shape depends on the value of input {}", i);
  return *inputs_[i].value;
}

Result<std::vector<int64_t>> Inputs::integers(size_t i) const {
  const Tensor tensor = FOVEA_TRY(value(i));
  if (tensor.rank() > 1)
    return invalid_model("input {} must have rank 0 or 1, but has shape {}", i, to_string(tensor.shape()));
  if (tensor.dtype() == DType::i64) {
    const auto values = tensor.values<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (tensor.dtype() == DType::i32) {
    const auto values = tensor.values<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  return invalid_model("input {} must be i64 or i32, but is {}", i, name_of(tensor.dtype()));
}

Result<int64_t> Inputs::integer(size_t i) const {
  const std::vector<int64_t> values = FOVEA_TRY(integers(i));
  if (values.size() != 1) return invalid_model("input {} must be one number, but has {}", i, values.size());
  return values[0];
}

}  // namespace fovea::ops
