// Kernels over NHWC that work channel by channel, on rows given by pointer (kernels/conv_rows.h): depthwise
// convolution and pooling.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace fovea::kernels {

/// Output pixels [0, count): y[i * y_stride + c] = act(sum over taps of rows[t * row_stride + i][c] * weight[t *
/// channels + c] + bias[c]). bias may be nullptr.
struct DepthwiseRows {
  const float* const* rows = nullptr;
  int64_t row_stride = 0, taps = 1, channels = 0, count = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
  Activation activation;
  float* y = nullptr;
  int64_t y_stride = 0;
};
void depthwise_rows(const DepthwiseRows& d);

/// y[i * channels + c] = max over taps of rows[t * row_stride + i][c]. bf16: the rows and y hold such numbers.
void max_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count, bool bf16,
              void* y);
/// y[i * channels + c] = factor[i] * sum over taps of rows[t * row_stride + i][c], likewise.
void mean_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count,
               const float* factor, bool bf16, void* y);

}  // namespace fovea::kernels
