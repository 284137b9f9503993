// ONNX MatMul, MatMulInteger and QLinearMatMul: geometry of NumPy's matrix product.
#pragma once

#include <span>

#include "ops/operator.h"

namespace fovea::ops {

/// Products {rows, inner} x {inner, columns} for each index of `batch`. A vector operand counts as a matrix with one
/// row (left) or one column (right), which the output then lacks.
struct MatMulGeometry {
  int64_t rows = 1, inner = 1, columns = 1;
  Shape batch;                 // broadcast of both operands' leading extents
  Shape a_strides, b_strides;  // elements for one step along each axis of `batch`; 0 where the operand repeats
  Shape output;
};

/// Error: scalars, inner extents that differ, batches that do not broadcast.
Result<MatMulGeometry> resolve_matmul(std::span<const int64_t> a, std::span<const int64_t> b);

struct MatMul final : Operator {
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs A, B, a_zero_point (one, or one for each row), b_zero_point (one, or one for each column); i32 output.
struct MatMulInteger final : Operator {
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point; the scales and zero points of a
/// are one or one for each row, those of b one or one for each column.
struct QLinearMatMul final : Operator {
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
