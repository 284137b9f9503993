// The rows by which a convolution or a pool over NHWC is a matter of pointers: for each output pixel and each kernel
// position, where the input pixel lies that it sees.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// One image; sizes in pixels.
struct ConvShape {
  int64_t in_height = 1, in_width = 1, out_height = 1, out_width = 1;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t pixel_stride = 0;  // floats from one input pixel to the next in its row
  int64_t row_stride = 0;    // floats from one row of input pixels to the next

  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t pixels() const { return out_height * out_width; }
};

/// rows[t * stride + i] for output pixels [first, first + count) of the image at `x`, counted row by row, and all taps
/// t (row by row too). What lies outside the image points at `outside`.
void conv_rows(const ConvShape& shape, const float* x, const float* outside, int64_t first, int64_t count,
               const float** rows, int64_t stride);

/// The same for windows that leave padding out: where a tap lies outside, it points at a tap of the same window that
/// lies inside. (A maximum does not mind.) `inside`, if given, gets for each output pixel how many taps lie inside.
/// Precondition: each window has one inside.
void pool_rows(const ConvShape& shape, const float* x, int64_t first, int64_t count, const float** rows, int64_t stride,
               int64_t* inside);

}  // namespace fovea::kernels
