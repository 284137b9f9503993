// Depthwise convolution with its weights in registers, written once with Highway.
#include "kernels/depthwise.h"

#include <algorithm>
#include <cstddef>

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

#include "kernels/vector_bf16.inc.h"
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

/// Whole vectors only where numbers are bf16.
HWY_INLINE V::F load_input(const float* p, int64_t count) { return load_some(p, count); }
HWY_INLINE V::F load_input(const uint16_t* p, int64_t) { return load_bf16(p); }

/// The inputs that one stretch of outputs sees: column i of kernel row ky is at(ky, i), for rows that lie in the image.
/// A window that crosses the image's sides finds zeros there. In: float, or uint16_t for bf16.
template <int K, int S, bool kInside, class In>
struct Window {
  static constexpr int kInputs = (kPixels - 1) * S + K;
  int first_row, last_row;  // kernel rows that lie in the image

  HWY_INLINE Window(const DepthwiseConv& d, const In* x, int64_t line, int64_t pixel) {
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
        columns_[i] = valid ? corner_ + i * s.pixel_stride : reinterpret_cast<const In*>(d.zeros);
        row_strides_[i] = valid ? s.row_stride : 0;
      }
  }
  HWY_INLINE const In* at(int ky, int i) const {
    if constexpr (kInside)
      return corner_ + ky * row_stride_ + i * pixel_stride_;
    else
      return columns_[i] + ky * row_strides_[i];
  }

 private:
  int64_t pixel_stride_, row_stride_;
  const In* corner_;
  const In* columns_[kInside ? 1 : kInputs];
  int64_t row_strides_[kInside ? 1 : kInputs];
};

/// `pixels` sums as outputs; y: output (line, pixel), channel c. Whole vectors only where numbers are bf16.
HWY_INLINE void store_outputs(const DepthwiseConv& d, const V::F (&acc)[kPixels], int64_t pixels, int64_t count,
                              std::byte* y) {
  const int64_t stride = d.shape.pixel_stride;
  if (d.narrow_y) {
    auto* to = reinterpret_cast<uint16_t*>(y);
    FOVEA_UNROLL
    for (int p = 0; p < kPixels; ++p)
      if (p < pixels) store_bf16(to + p * stride, acc[p]);
  } else {
    auto* to = reinterpret_cast<float*>(y);
    FOVEA_UNROLL
    for (int p = 0; p < kPixels; ++p)
      if (p < pixels) store_some(to + p * stride, count, acc[p]);
  }
}

/// `pixels` outputs of one line from `pixel` on, channels [c, c + count); y: output (line, pixel), channel c.
template <int K, int S, bool kInside, class In>
HWY_INLINE void stretch(const DepthwiseConv& d, const Window<K, S, kInside, In>& window, int64_t c, int64_t count,
                        int64_t pixels, std::byte* y) {
  V::F acc[kPixels];
  const V::F start = d.bias != nullptr ? load_some(d.bias + c, count) : V::set(0.0f);
  FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = start;
  const int64_t stride = d.shape.pixel_stride;
  for (int ky = window.first_row; ky < window.last_row; ++ky) {
    V::F w[K];
    FOVEA_UNROLL
    for (int kx = 0; kx < K; ++kx) w[kx] = load_some(d.weight + (ky * K + kx) * stride + c, count);
    FOVEA_UNROLL
    for (int i = 0; i < Window<K, S, kInside, In>::kInputs; ++i) {
      const V::F in = load_input(window.at(ky, i) + c, count);
      FOVEA_UNROLL
      for (int kx = 0; kx < K; ++kx)
        if ((i - kx) % S == 0 && i >= kx && (i - kx) / S < kPixels)
          acc[(i - kx) / S] = V::fma(in, w[kx], acc[(i - kx) / S]);
    }
  }
  const ActivationKind kind = d.activation.kind;
  if (kind == ActivationKind::relu) {
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = V::max(V::set(0.0f), acc[p]);
  } else if (kind == ActivationKind::hard_swish) {
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = vector_hard_swish<V>(acc[p]);
  } else if (kind != ActivationKind::none) {
    V::F made[kPixels];  // sums that a loop counts through would be kept in memory from the begin on
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) made[p] = acc[p];
    for (int64_t p = 0; p < pixels; ++p) made[p] = vector_activation<V>(made[p], d.activation);
    FOVEA_UNROLL for (int p = 0; p < kPixels; ++p) acc[p] = made[p];
  }
  store_outputs(d, acc, pixels, count, y);
}

/// Channels [c, end) of one stretch; y: output (line, pixel), channel 0.
template <int K, int S, bool kInside, class In>
HWY_INLINE void channels(const DepthwiseConv& d, const In* x, int64_t line, int64_t pixel, int64_t c, int64_t end,
                         int64_t pixels, std::byte* y) {
  const Window<K, S, kInside, In> window(d, x, line, pixel);
  const int64_t bytes = d.narrow_y ? 2 : 4;
  for (; c + V::kWidth <= end; c += V::kWidth) stretch<K, S, kInside>(d, window, c, V::kWidth, pixels, y + c * bytes);
  if (c == end) return;
  if (end >= V::kWidth) {  // the last whole vector again: what it shares with the one before comes out the same
    c = end - V::kWidth;
    stretch<K, S, kInside>(d, window, c, V::kWidth, pixels, y + c * bytes);
  } else {
    stretch<K, S, kInside>(d, window, c, end - c, pixels, y + c * bytes);
  }
}

/// As many channels go through all lines as leave their inputs in the first-level cache from one kernel row to the
/// next; fewer than four lines of the cache side by side cost more than that saves.
template <int K, int S, class In>
void lines(const DepthwiseConv& d, const In* x, int64_t first, int64_t last, std::byte* y) {
  const ConvShape& s = d.shape;
  constexpr int64_t kInputs = Window<K, S, true, In>::kInputs, kCacheBytes = 24 << 10, kLine = 64 / sizeof(In);
  const int64_t fit = kCacheBytes / ((K + S) * s.in_width * 64), y_bytes = d.narrow_y ? 2 : 4;
  const int64_t block = fit < 2 ? s.pixel_stride : kLine * (fit < 4 ? 4 : fit);
  for (int64_t c = 0; c < s.pixel_stride; c += block) {
    const int64_t end = s.pixel_stride - c < block ? s.pixel_stride : c + block;
    for (int64_t line = first; line < last; ++line)
      for (int64_t pixel = 0; pixel < s.out_width; pixel += kPixels) {
        const int64_t pixels = s.out_width - pixel < kPixels ? s.out_width - pixel : kPixels;
        const int64_t left = pixel * S - s.pad_left;
        std::byte* to = y + (line * s.out_width + pixel) * s.pixel_stride * y_bytes;
        if (left >= 0 && left + kInputs <= s.in_width)
          channels<K, S, true>(d, x, line, pixel, c, end, pixels, to);
        else
          channels<K, S, false>(d, x, line, pixel, c, end, pixels, to);
      }
  }
}

template <class In>
HWY_INLINE void lines_of(const DepthwiseConv& d, const In* x, int64_t first, int64_t last, std::byte* y) {
  const bool one = d.shape.stride_x == 1;
  switch (d.shape.kernel_width) {
    case 1: return (one ? lines<1, 1, In> : lines<1, 2, In>)(d, x, first, last, y);
    case 3: return (one ? lines<3, 1, In> : lines<3, 2, In>)(d, x, first, last, y);
    case 5: return (one ? lines<5, 1, In> : lines<5, 2, In>)(d, x, first, last, y);
    default: return (one ? lines<7, 1, In> : lines<7, 2, In>)(d, x, first, last, y);
  }
}

// Each kernel and stride is much code: inputs in bf16 have it where the CPU may have products of bf16.
#if HWY_TARGET == HWY_NEON || (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3)
void narrow_lines(const DepthwiseConv& d, const uint16_t* x, int64_t first, int64_t last, std::byte* y) {
  lines_of(d, x, first, last, y);
}
#else
void narrow_lines(const DepthwiseConv& d, const uint16_t* x, int64_t first, int64_t last, std::byte* y) {
  const ConvShape& s = d.shape;
  const int64_t y_bytes = d.narrow_y ? 2 : 4;
  const auto sum_at = [&](int64_t line, int64_t pixel, int64_t c) HWY_ATTR {
    V::F acc = d.bias != nullptr ? V::load(d.bias + c) : V::set(0.0f);
    for (int64_t ky = 0; ky < s.kernel_height; ++ky)
      for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
        const int64_t iy = line * s.stride_y - s.pad_top + ky, ix = pixel * s.stride_x - s.pad_left + kx;
        if (iy < 0 || iy >= s.in_height || ix < 0 || ix >= s.in_width) continue;
        const V::F w = V::load(d.weight + (ky * s.kernel_width + kx) * s.pixel_stride + c);
        acc = V::fma(load_bf16(x + iy * s.row_stride + ix * s.pixel_stride + c), w, acc);
      }
    return vector_activation<V>(acc, d.activation);
  };
  for (int64_t line = first; line < last; ++line)
    for (int64_t pixel = 0; pixel < s.out_width; ++pixel)
      for (int64_t c = 0; c < s.pixel_stride; c += V::kWidth) {
        const int64_t at = c + V::kWidth <= s.pixel_stride ? c : s.pixel_stride - V::kWidth;
        V::F acc[kPixels] = {sum_at(line, pixel, at)};
        store_outputs(d, acc, 1, V::kWidth, y + ((line * s.out_width + pixel) * s.pixel_stride + at) * y_bytes);
      }
}
#endif

void any_lines(const DepthwiseConv& d, const void* x, int64_t first, int64_t last, std::byte* y) {
  if (d.narrow_x)
    narrow_lines(d, static_cast<const uint16_t*>(x), first, last, y);
  else
    lines_of(d, static_cast<const float*>(x), first, last, y);
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

void depthwise_lines(const DepthwiseConv& conv, const void* x, int64_t first, int64_t last, void* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(any_lines)(conv, x, first, last, static_cast<std::byte*>(y));
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
