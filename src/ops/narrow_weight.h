// Weights of products in fewer bits than the products are computed with.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

/// The weight {k, n} of a linear layer as it is stored: floats of 16 bits, or bytes with scales and zero points.
struct NarrowWeight {
  bool transposed = false;  // it is stored as {n, k}
  int64_t block = 0;        // k that share a scale; 0: all

  /// Inputs of the node: the weight (f32, f16, bf16, i8, u8); of bytes, scales f32 {blocks, n}, and zero points of the
  /// weight's type {blocks, n} or none.
  Result<void> infer(const Inputs& in, size_t weight, size_t scale, size_t zero) const;
  /// The weight {k, n} in double: (q - zero) * scale, rounded to f32 once, as DequantizeLinear has it.
  Result<Tensor> widened(Args in, size_t weight, size_t scale, size_t zero) const;
};

}  // namespace fovea::ops
