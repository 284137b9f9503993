// Tables in place of elementwise functions of bytes, one for all elements or one for each channel.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

/// The input of fovea.Conv that says what bytes of a photo mean, f32 {channels, 256}; of fovea.QConv it is
/// QEpilogue::kPixels.
inline constexpr size_t kConvPixels = 6;

/// Checks that input `table` is {256}, or {channels, 256} for the last axis of input `x`.
Result<void> expect_table(const Inputs& in, size_t x, size_t table);

/// y = table[x], or table[c][x] for channel c of the last axis, where i8 counts from -128. x: u8 or i8; y: of the
/// table's type (u8, i8 or f32) and x's shape.
void look_up(const TensorView& x, const TensorView& table, const MutableView& y);

/// The same into a tensor of its own. Error: out_of_memory.
Result<Tensor> looked_up(const TensorView& x, const TensorView& table);

}  // namespace fovea::ops
