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
};

/// Whether depthwise_lines has a kernel for this shape: 1x1, 3x3, 5x5 and 7x7, stride 1 or 2, no dilation.
bool has_depthwise_lines(const ConvShape& shape);

/// Output rows [first, last) of the image at x; y: the output's row 0, dense. A row of the kernel stays in registers
/// beside the sums of seven pixels, so that an input is read once for all of them.
void depthwise_lines(const DepthwiseConv& conv, const float* x, int64_t first, int64_t last, float* y);

}  // namespace fovea::kernels
