// Depthwise convolution over NHWC: each channel has a kernel of its own.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/conv_rows.h"

namespace fovea::kernels {

/// y[p, c] = act(sum over taps of x[pixel that tap t of output p sees][c] * weight[t * channels + c] + bias[c]).
struct DepthwiseConv {
  ConvShape shape;  // pixel_stride is the number of channels
  const float* weight = nullptr;
  const float* bias = nullptr;   // or nullptr
  const float* zeros = nullptr;  // as many as channels
  Activation activation;
  bool narrow_x = false, narrow_y = false;  // bf16 rather than f32, from kLeastNarrow channels on
};

/// Inputs and outputs in bf16 have at least so many channels.
inline constexpr int64_t kLeastNarrow = 16;

/// Whether depthwise_lines has a kernel for this shape: 1x1, 3x3, 5x5 and 7x7, stride 1 or 2, no dilation.
bool has_depthwise_lines(const ConvShape& shape);

/// Output rows [first, last) of the image at x; y: the output's row 0, dense. A row of the kernel stays in registers
/// beside the sums of seven pixels, so that an input is read once for all of them. Sums are f32.
void depthwise_lines(const DepthwiseConv& conv, const void* x, int64_t first, int64_t last, void* y);

}  // namespace fovea::kernels
