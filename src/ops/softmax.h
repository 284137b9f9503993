// ONNX Softmax, LogSoftmax and Hardmax. Since opset 13 along one axis; before, over all dimensions from `axis` on at
// once.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

struct Softmax final : Operator {
  enum class Kind { soft, log_soft, hard };
  int64_t axis;
  bool flatten_rest;  // opset 1 to 12
  Kind kind;

  Softmax(int64_t axis_, bool flatten_rest_, Kind kind_) : axis(axis_), flatten_rest(flatten_rest_), kind(kind_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
