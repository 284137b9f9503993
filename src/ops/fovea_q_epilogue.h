// What quantised products of domain "fovea" (QConv, QMatMul) make of their sums. This is the one place that defines the
// order of the arithmetic: every fast kernel gives the same bits.
//
//     s = sum of (x - x_zero) * (w - w_zero) + bias[n]        i32, exact (modulo 2^32)
//     r = float(s) * multiplier[n]                            f32, each operation rounded for itself
//     r = r + offset[n]                                       where there is one
//     r = float(level(r, row) - row_zero) * row_scale + row[n]             where there is a row
//     r = float(level(r, inner) - inner_zero) * inner_scale               where inner_scale is given
//     r = r + float(residual - residual_zero) * residual_scale, or residual * residual_scale where that is f32
//     r = act(r)                                              before the residual where residual_last
//     y = r                                                   f32
//     y = clamp(round_half_even(r * y_factor) + y_zero, low, high)   u8 and i8; no product where y_factor is 1
//     y = table[y]                                            u8, where there is a table
//
// level(r, k) is clamp(round_half_even(r) + k_zero, k_low, k_high): a quantisation between the product and a sum behind
// it, which the graph asks for.
// Zero points that differ, as i32: of w for each column (input 10, in place of w_zero), of x for each of its channels
// (input 11, convolutions alone, in place of x_zero). The result may be quantised differently for each column: input 12
// {3, columns} holds y_zero, low and high then, input 13 {columns} y_factor, which multiplies always then.
//
// Where x_scale is computed (input 8, one f32), the multiplier is multiplied by it first, x_scale * multiplier[n]
// rounded to float; x_zero is input 9 then, one byte of x's type.
//
// The multiplier is x_scale * w_scale[n] / y_scale, computed in double and rounded once: where nothing but Relu or Clip
// stands between the product and its quantisation, those are bounds of the integer result. Other activations see real
// values (the multiplier without y_scale), and y_factor is 1 / y_scale.
#pragma once

#include "ops/fovea_epilogue.h"

namespace fovea::ops {

/// A quantisation to bytes between two operations, and the scale with which its levels are read again.
struct QStage {
  bool there = false;
  int32_t zero = 0, low = 0, high = 255;
  float scale = 1;
};

struct QEpilogue {
  DType output = DType::f32;  // f32, u8, i8 or i32; i32: the sums as they are
  QStage row, inner;
  int32_t x_zero = 0, w_zero = 0, y_zero = 0, low = 0, high = 0, residual_zero = 0;
  float residual_scale = 1, y_factor = 1;
  FoveaEpilogue fused;

  /// Operands behind the two factors of a product.
  enum Operand : size_t {
    kMultiplier = 2,
    kBias = 3,
    kOffset = 4,
    kResidual = 5,
    kRow = 6,
    kTable = 7,
    kXScale = 8,
    kXZero = 9,
    kWZeros = 10,
    kXZeros = 11,
    kYLevels = 12,
    kYFactors = 13,
    kPixels = 14,  // of QConv alone: what bytes of a photo mean, u8 {channels, 256}
    kOperands = 15
  };

  /// Attributes "output" ("u8", "i8", "f32", "i32"), "x_zero", "w_zero", "y_zero", "low", "high", "residual_zero",
  /// "residual_scale", "y_factor", "row_zero", "row_low", "row_high", "row_scale", the same of "inner", and those of
  /// FoveaEpilogue. Error: an output of another type, bounds outside it.
  static Result<QEpilogue> parse(Attributes& attributes);
  /// Checks the dtypes of all operands, and shapes from the third on. `y`: the product's shape, channels last.
  Result<TensorType> infer(const Inputs& in, Shape y) const;
  /// The zero point of a channel of x, from its attribute or operand.
  int32_t zero_of_x(Args in, int64_t channel = 0) const;
  /// The zero point of a column of w, likewise.
  int32_t zero_of_w(Args in, int64_t column) const;
  /// sums: {rows, columns}, without the bias.
  Result<void> apply(const int32_t* sums, int64_t columns, Args in, const MutableView& y) const;
};

/// clamp(round_half_even(r) + zero, low, high); NaN gives `low`.
int32_t requantise(float r, int32_t zero, int32_t low, int32_t high);

/// Up to so many products of bytes with bytes, less their zero points, have a sum that floats hold exactly: kernels of
/// depthwise convolutions with zero points of channels have no more taps.
inline constexpr int64_t kExactTaps = (1 << 24) / (255 * 255);

/// Element i of a u8 or i8 tensor.
inline int32_t byte_at(const TensorView& x, int64_t i) {
  return x.dtype == DType::u8 ? x.as<uint8_t>()[i] : x.as<int8_t>()[i];
}
inline void set_byte(const MutableView& y, int64_t i, int32_t value) {
  if (y.dtype == DType::u8)
    y.as<uint8_t>()[i] = static_cast<uint8_t>(value);
  else
    y.as<int8_t>()[i] = static_cast<int8_t>(value);
}

}  // namespace fovea::ops
