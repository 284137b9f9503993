// Depthwise convolution and pooling over NHWC, written once with Highway.
#include "kernels/spatial.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/spatial.cc"
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
#include "kernels/vector_rows.inc.h"

using V = Vector;

/// Four pixels share each weight that is read.
template <int kPixels>
HWY_INLINE void depthwise_pixels(const DepthwiseRows& d, int64_t i0, int64_t c, int64_t count) {
  V::F acc[kPixels];
  const V::F start = d.bias ? load_some(d.bias + c, count) : V::set(0.0f);
  for (int p = 0; p < kPixels; ++p) acc[p] = start;
  for (int64_t t = 0; t < d.taps; ++t) {
    const V::F w = load_some(d.weight + t * d.channels + c, count);
    const float* const* rows = d.rows + t * d.row_stride + i0;
    for (int p = 0; p < kPixels; ++p) acc[p] = V::fma(load_some(rows[p] + c, count), w, acc[p]);
  }
  for (int p = 0; p < kPixels; ++p)
    store_some(d.y + (i0 + p) * d.y_stride + c, count, vector_activation<V>(acc[p], d.activation));
}

void depthwise(const DepthwiseRows& d) {
  int64_t i = 0;
  for (; i + 4 <= d.count; i += 4)
    for_vectors(d.channels, [&](int64_t c, int64_t count) HWY_ATTR { depthwise_pixels<4>(d, i, c, count); });
  for (; i < d.count; ++i)
    for_vectors(d.channels, [&](int64_t c, int64_t count) HWY_ATTR { depthwise_pixels<1>(d, i, c, count); });
}

struct Taps {
  const float* const* rows;
  int64_t stride, taps, channels, count;
};

/// y of each pixel and vector of channels = last(the taps' numbers, put together by `join`).
template <class Numbers, class Join, class Last>
HWY_INLINE void join_taps(const Taps& x, void* y, Join join, Last last) {
  const auto load = [](const float* row, int64_t c, int64_t n) HWY_ATTR {
    return Numbers::load(reinterpret_cast<const std::byte*>(row) + c * Numbers::kBytes, n);
  };
  auto* to = static_cast<std::byte*>(y);
  for (int64_t i = 0; i < x.count; ++i, to += x.channels * Numbers::kBytes)
    for_vectors(x.channels, [&](int64_t c, int64_t n) HWY_ATTR {
      V::F all = load(x.rows[i], c, n);
      for (int64_t t = 1; t < x.taps; ++t) all = join(all, load(x.rows[t * x.stride + i], c, n));
      Numbers::store(to + c * Numbers::kBytes, n, last(all, i));
    });
}

void max_of(const float* const* rows, int64_t stride, int64_t taps, int64_t channels, int64_t count, bool bf16,
            void* y) {
  const Taps x{rows, stride, taps, channels, count};
  const auto join = [](V::F a, V::F b) HWY_ATTR { return V::max(a, b); };
  const auto last = [](V::F all, int64_t) HWY_ATTR { return all; };
  bf16 ? join_taps<Bf16Rows>(x, y, join, last) : join_taps<F32Rows>(x, y, join, last);
}

void mean_of(const float* const* rows, int64_t stride, int64_t taps, int64_t channels, int64_t count,
             const float* factor, bool bf16, void* y) {
  const Taps x{rows, stride, taps, channels, count};
  const auto join = [](V::F a, V::F b) HWY_ATTR { return V::add(a, b); };
  const auto last = [factor](V::F all, int64_t i) HWY_ATTR { return V::mul(all, V::set(factor[i])); };
  bf16 ? join_taps<Bf16Rows>(x, y, join, last) : join_taps<F32Rows>(x, y, join, last);
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(depthwise);
HWY_EXPORT(max_of);
HWY_EXPORT(mean_of);
}  // namespace

void depthwise_rows(const DepthwiseRows& d) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(depthwise)(d);
}
void max_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count, bool bf16,
              void* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(max_of)(rows, row_stride, taps, channels, count, bf16, y);
}
void mean_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count,
               const float* factor, bool bf16, void* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(mean_of)(rows, row_stride, taps, channels, count, factor, bf16, y);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
