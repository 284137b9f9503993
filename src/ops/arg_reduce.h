// ONNX ArgMax and ArgMin.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

struct ArgReduce final : Operator {
  bool largest;
  int64_t axis;
  bool keepdims;
  bool select_last;  // of equal ones

  ArgReduce(bool l, int64_t a, bool k, bool s) : largest(l), axis(a), keepdims(k), select_last(s) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
