#include "kernels/conv_rows.h"

#include <algorithm>

namespace fovea::kernels {
namespace {

/// Calls stretch(y, x0, n, at) for the stretches of output pixels that lie in one row.
template <class Stretch>
void for_stretches(const ConvShape& s, int64_t first, int64_t count, Stretch stretch) {
  for (int64_t at = 0; at < count;) {
    const int64_t y = (first + at) / s.out_width, x0 = (first + at) % s.out_width;
    const int64_t n = std::min(count - at, s.out_width - x0);
    stretch(y, x0, n, at);
    at += n;
  }
}

}  // namespace

void conv_rows(const ConvShape& s, const float* x, const float* outside, int64_t first, int64_t count,
               const float** rows, int64_t stride) {
  for_stretches(s, first, count, [&](int64_t y, int64_t x0, int64_t n, int64_t at) {
    for (int64_t ky = 0; ky < s.kernel_height; ++ky) {
      const int64_t iy = y * s.stride_y - s.pad_top + ky * s.dilation_y;
      for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
        const float** to = rows + (ky * s.kernel_width + kx) * stride + at;
        if (iy < 0 || iy >= s.in_height) {
          std::fill(to, to + n, outside);
          continue;
        }
        // Pixels [low, high) of the stretch see inside the row.
        const int64_t ix0 = x0 * s.stride_x - s.pad_left + kx * s.dilation_x;
        const int64_t low = ix0 >= 0 ? 0 : std::min(n, (-ix0 + s.stride_x - 1) / s.stride_x);
        const int64_t high =
            ix0 >= s.in_width ? low : std::clamp((s.in_width - ix0 + s.stride_x - 1) / s.stride_x, low, n);
        std::fill(to, to + low, outside);
        const float* row = x + iy * s.row_stride + ix0 * s.pixel_stride;
        const int64_t step = s.stride_x * s.pixel_stride;
        for (int64_t i = low; i < high; ++i) to[i] = row + i * step;
        std::fill(to + high, to + n, outside);
      }
    }
  });
}

void pool_rows(const ConvShape& s, const float* x, int64_t first, int64_t count, const float** rows, int64_t stride,
               int64_t* inside) {
  conv_rows(s, x, nullptr, first, count, rows, stride);
  const int64_t taps = s.taps();
  for (int64_t i = 0; i < count; ++i) {
    const float* any = nullptr;
    int64_t found = 0;
    for (int64_t t = 0; t < taps; ++t)
      if (rows[t * stride + i] != nullptr) {
        any = rows[t * stride + i];
        ++found;
      }
    if (inside != nullptr) inside[i] = found;
    if (found == taps) continue;
    for (int64_t t = 0; t < taps; ++t)
      if (rows[t * stride + i] == nullptr) rows[t * stride + i] = any;
  }
}

}  // namespace fovea::kernels
