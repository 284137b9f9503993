// Depthwise convolution with its weights in registers, written once with Highway.
#include "kernels/depthwise.h"

#include <algorithm>

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/depthwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FOVEA_VECTOR_INLINE
#define FOVEA_VECTOR_INLINE HWY_INLINE
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"

using V = Vector;

// Sums must stay in registers: the loops over them are unrolled whatever the optimiser thinks of their size. What a
// sanitizer adds to each access makes that too much: clang would need more memory than there is.
#if HWY_IS_ASAN || HWY_IS_TSAN
#define FOVEA_UNROLL
#elif defined(__clang__)
#define FOVEA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FOVEA_UNROLL _Pragma("GCC unroll 32")
#endif

/// Sums in flight. 7, 14, 28, 56 and 112 are what image models have most.
constexpr int kPixels = 7;

/// The inputs that one stretch of outputs sees: column i of kernel row ky is at(ky, i), for rows that lie in the image.
/// A window that crosses the image's sides finds zeros there.
template <int K, int S, bool kInside>
struct Window {
  static constexpr int kInputs = (kPixels - 1) * S + K;
  int first_row, last_row;  // kernel rows that lie in the image

  HWY_INLINE Window(const DepthwiseConv& d, const float* x, int64_t line, int64_t pixel) {
    const ConvShape& s = d.shape;
    const int64_t top = line * S - s.pad_top, left = pixel * S - s.pad_left;
    first_row = static_cast<int>(top < 0 ? -top : 0);
    last_row = static_cast<int>(s.in_height - top < K ? s.in_height - top : K);
    pixel_stride_ = s.pixel_stride;
    row_stride_ = s.row_stride;
    corner_ = x + top * s.row_stride + left * s.pixel_stride;
    if constexpr (!kInside)
      for (int i = 0; i < kInputs; ++i) {
        const bool valid = left + i >= 0 && left + i < s.in_width;
        columns_[i] = valid ? corner_ + i * s.pixel_stride : d.zeros;
        row_strides_[i] = valid ? s.row_stride : 0;
      }
  }
  HWY_INLINE const float* at(int ky, int i) const {
    if constexpr (kInside)
      return corner_ + ky * row_stride_ + i * pixel_stride_;
    else
      return columns_[i] + ky * row_strides_[i];
  }

 private:
  int64_t pixel_stride_, row_stride_;
  const float* corner_;
  const float* columns_[kInside ? 1 : kInputs];
  int64_t row_strides_[kInside ? 1 : kInputs];
};

/// `pixels` outputs of one line from `pixel` on, channels [c, c + count); y: output (line, pixel), channel 0.
template <int K, int S, bool kInside>
HWY_INLINE void stretch(const DepthwiseConv& d, const Window<K, S, kInside>& window, int64_t c, int64_t count,
                        int64_t pixels, float* y) {
  V::F acc[kPixels];
  const V::F start = d.bias != nullptr ? load_some(d.bias + c, count) : V::set(0.0f);
  FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = start;
  const int64_t stride = d.shape.pixel_stride;
  for (int ky = window.first_row; ky < window.last_row; ++ky) {
    V::F w[K];
    FOVEA_UNROLL
    for (int kx = 0; kx < K; ++kx) w[kx] = load_some(d.weight + (ky * K + kx) * stride + c, count);
    FOVEA_UNROLL
    for (int i = 0; i < Window<K, S, kInside>::kInputs; ++i) {
      const V::F in = load_some(window.at(ky, i) + c, count);
      FOVEA_UNROLL
      for (int kx = 0; kx < K; ++kx)
        if ((i - kx) % S == 0 && i >= kx && (i - kx) / S < kPixels)
          acc[(i - kx) / S] = V::fma(in, w[kx], acc[(i - kx) / S]);
    }
  }
  const ActivationKind kind = d.activation.kind;
  if (kind == ActivationKind::relu)
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = V::max(V::set(0.0f), acc[p]);
  else if (kind == ActivationKind::hard_swish)
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = vector_hard_swish<V>(acc[p]);
  if (kind == ActivationKind::none || kind == ActivationKind::relu || kind == ActivationKind::hard_swish) {
    if (pixels == kPixels && count == V::kWidth) {
      FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) V::store(y + p * stride + c, acc[p]);
    } else {
      for (int64_t p = 0; p < pixels; ++p) store_some(y + p * stride + c, count, acc[p]);
    }
  } else {
    for (int64_t p = 0; p < pixels; ++p)
      store_some(y + p * stride + c, count, vector_activation<V>(acc[p], d.activation));
  }
}

/// Channels [c, end) of one stretch.
template <int K, int S, bool kInside>
HWY_INLINE void channels(const DepthwiseConv& d, const float* x, int64_t line, int64_t pixel, int64_t c, int64_t end,
                         int64_t pixels, float* y) {
  const Window<K, S, kInside> window(d, x, line, pixel);
  for (; c + V::kWidth <= end; c += V::kWidth) stretch<K, S, kInside>(d, window, c, V::kWidth, pixels, y);
  if (c < end) stretch<K, S, kInside>(d, window, c, end - c, pixels, y);
}

/// As many channels go through all lines as leave their inputs in the first-level cache from one kernel row to the
/// next; fewer than four lines of the cache side by side cost more than that saves.
template <int K, int S>
void lines(const DepthwiseConv& d, const float* x, int64_t first, int64_t last, float* y) {
  const ConvShape& s = d.shape;
  constexpr int64_t kInputs = Window<K, S, true>::kInputs, kCacheBytes = 24 << 10, kLine = 16;
  const int64_t fit = kCacheBytes / ((K + S) * s.in_width * kLine * 4);
  const int64_t block = fit < 2 ? s.pixel_stride : kLine * (fit < 4 ? 4 : fit);
  for (int64_t c = 0; c < s.pixel_stride; c += block) {
    const int64_t end = s.pixel_stride - c < block ? s.pixel_stride : c + block;
    for (int64_t line = first; line < last; ++line)
      for (int64_t pixel = 0; pixel < s.out_width; pixel += kPixels) {
        const int64_t pixels = s.out_width - pixel < kPixels ? s.out_width - pixel : kPixels;
        const int64_t left = pixel * S - s.pad_left;
        float* to = y + (line * s.out_width + pixel) * s.pixel_stride;
        if (left >= 0 && left + kInputs <= s.in_width)
          channels<K, S, true>(d, x, line, pixel, c, end, pixels, to);
        else
          channels<K, S, false>(d, x, line, pixel, c, end, pixels, to);
      }
  }
}

void any_lines(const DepthwiseConv& d, const float* x, int64_t first, int64_t last, float* y) {
  const bool one = d.shape.stride_x == 1;
  switch (d.shape.kernel_width) {
    case 1: return (one ? lines<1, 1> : lines<1, 2>)(d, x, first, last, y);
    case 3: return (one ? lines<3, 1> : lines<3, 2>)(d, x, first, last, y);
    case 5: return (one ? lines<5, 1> : lines<5, 2>)(d, x, first, last, y);
    default: return (one ? lines<7, 1> : lines<7, 2>)(d, x, first, last, y);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(any_lines);
}  // namespace

bool has_depthwise_lines(const ConvShape& s) {
  return s.kernel_height == s.kernel_width &&
         (s.kernel_width == 1 || s.kernel_width == 3 || s.kernel_width == 5 || s.kernel_width == 7) &&
         s.stride_y == s.stride_x && (s.stride_x == 1 || s.stride_x == 2) && s.dilation_y == 1 && s.dilation_x == 1;
}

void depthwise_lines(const DepthwiseConv& conv, const float* x, int64_t first, int64_t last, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(any_lines)(conv, x, first, last, y);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
