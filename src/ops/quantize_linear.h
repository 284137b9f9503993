// ONNX QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, and the arithmetic that quantised operators share.
#pragma once

#include <optional>
#include <span>

#include "ops/operator.h"

namespace fovea::ops {

/// Which scale and zero point belong to which element: one for the tensor, one for each index of an axis, or one for
/// each block along an axis. The tensor is seen as {outer, extent, inner}.
struct Granularity {
  int64_t outer = 1, extent = 1, inner = 1;
  int64_t block = 1;  // indices of the axis that share a parameter
  int64_t outer_step = 0, block_step = 0, inner_step = 0;

  /// Where the parameters of element {o, i, n} lie.
  int64_t parameter(int64_t o, int64_t i, int64_t n) const {
    return o * outer_step + i / block * block_step + n * inner_step;
  }
};
/// Error: a scale whose shape fits none of the three, an axis outside the rank. `block_size` is 0 but for blocks.
Result<Granularity> resolve_granularity(std::span<const int64_t> x, std::span<const int64_t> scale, int64_t axis,
                                        int64_t block_size);

/// round(x) + zero_point, held within what the quantised type can say (i8, u8, i16, u16). Ties go to the even number;
/// NaN becomes the lowest value.
double saturate(double x, double zero_point, DType quantised);

/// Inputs x, y_scale, y_zero_point (optional). y = saturate(round(x / y_scale) + y_zero_point).
struct QuantizeLinear final : Operator {
  int64_t axis, block_size;
  std::optional<DType> output;     // where there is no zero point to tell; u8 where nothing does
  std::optional<DType> precision;  // of the division; otherwise that of the scale

  QuantizeLinear(int64_t axis_, int64_t block_size_, std::optional<DType> output_, std::optional<DType> precision_)
      : axis(axis_), block_size(block_size_), output(output_), precision(precision_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs x, x_scale, x_zero_point (optional). y = (x - x_zero_point) * x_scale.
struct DequantizeLinear final : Operator {
  int64_t axis, block_size;
  std::optional<DType> output;  // otherwise that of the scale

  DequantizeLinear(int64_t axis_, int64_t block_size_, std::optional<DType> output_)
      : axis(axis_), block_size(block_size_), output(output_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Outputs y (u8), y_scale, y_zero_point, chosen so that they span all of x and 0.
struct DynamicQuantizeLinear final : Operator {
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
