// ONNX Transpose.
#pragma once

#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// Axis i of the output is axis perm[i] of the input.
struct Transpose final : Operator {
  std::vector<int64_t> perm;  // empty: the axes reversed

  explicit Transpose(std::vector<int64_t> p) : perm(std::move(p)) {}
  /// The permutation for an input of this rank. Error: perm is none.
  Result<std::vector<int64_t>> resolve(int64_t rank) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
