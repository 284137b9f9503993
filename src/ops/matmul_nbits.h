// ONNX Runtime's com.microsoft.MatMulNBits: a product with a weight of 4 or 8 bits, quantised by blocks of the depth.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

/// Inputs A {..., K} (f32 or f16), B u8 {N, blocks, block_size * bits / 8}, scales {N, blocks} (of A's type), zero
/// points (optional: u8, packed like B's rows, or floats of A's type), g_idx (refused), bias {N}.
/// y = A x W^T + bias, W[n, k] = (B[n, k] - zero[n, block]) * scale[n, block]; where there are no zero points, they are
/// 2^(bits - 1).
struct MatMulNBits final : Operator {
  int64_t depth = 0, columns = 0, bits = 4, block = 0;

  int64_t blocks() const { return (depth + block - 1) / block; }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;

  /// The numbers of B as u8 {N, K}, and u8 zero points as u8 {N, blocks}. Precondition: infer() accepted them.
  Result<Tensor> numbers(const TensorView& b) const;
  Result<Tensor> zero_points(const TensorView& packed) const;
};

Result<OperatorPtr> parse_matmul_nbits(const Node& node);

}  // namespace fovea::ops
