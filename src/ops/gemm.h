// ONNX Gemm: Y = alpha * A' * B' + beta * C.
#pragma once

#include <span>

#include "ops/operator.h"

namespace fovea::ops {

/// A' is {rows, inner}, B' is {inner, columns}: the operands after their transposition.
struct GemmGeometry {
  int64_t rows = 1, inner = 1, columns = 1;
};

/// C may be left out (since opset 11) and is broadcast to {rows, columns} by NumPy's rule, in one direction.
struct Gemm final : Operator {
  float alpha, beta;
  bool transpose_a, transpose_b;

  Gemm(float alpha_, float beta_, bool transpose_a_, bool transpose_b_)
      : alpha(alpha_), beta(beta_), transpose_a(transpose_a_), transpose_b(transpose_b_) {}
  /// Error: operands that are no matrices, inner extents that differ.
  Result<GemmGeometry> resolve(std::span<const int64_t> a, std::span<const int64_t> b) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
