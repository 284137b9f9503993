// ONNX Einsum: sums of products over named axes.
#pragma once

#include <string>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// A sum of products over a box: output[i] = sum over k of the product of operand[n][i * strides + k * strides].
/// Axes come with the output's first, in its order, then those that are summed.
struct EinsumGeometry {
  size_t output_axes = 0;
  Shape extents;
  std::vector<Shape> strides;  // of each operand along all axes, in elements; 0 where it lacks the axis or repeats
};

struct Einsum final : Operator {
  /// The labels of one term. Letters name axes; kEllipsis stands for any number of them.
  static constexpr char kEllipsis = '.';
  std::vector<std::string> terms;
  std::string result;

  Einsum(std::vector<std::string> t, std::string r) : terms(std::move(t)), result(std::move(r)) {}
  /// Error: ranks that do not fit the terms, extents of one label that differ and are not 1.
  Result<EinsumGeometry> resolve(std::span<const std::span<const int64_t>> shapes) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
