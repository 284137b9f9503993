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

#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"

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

void max_taps(const float* const* rows, int64_t stride, int64_t taps, int64_t channels, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i)
    for_vectors(channels, [&](int64_t c, int64_t n) HWY_ATTR {
      V::F most = load_some(rows[i] + c, n);
      for (int64_t t = 1; t < taps; ++t) most = V::max(most, load_some(rows[t * stride + i] + c, n));
      store_some(y + i * channels + c, n, most);
    });
}

void mean_taps(const float* const* rows, int64_t stride, int64_t taps, int64_t channels, int64_t count,
               const float* factor, float* y) {
  for (int64_t i = 0; i < count; ++i) {
    const V::F f = V::set(factor[i]);
    for_vectors(channels, [&](int64_t c, int64_t n) HWY_ATTR {
      V::F sum = load_some(rows[i] + c, n);
      for (int64_t t = 1; t < taps; ++t) sum = V::add(sum, load_some(rows[t * stride + i] + c, n));
      store_some(y + i * channels + c, n, V::mul(sum, f));
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(depthwise);
HWY_EXPORT(max_taps);
HWY_EXPORT(mean_taps);
}  // namespace

void depthwise_rows(const DepthwiseRows& d) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(depthwise)(d);
}
void max_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(max_taps)(rows, row_stride, taps, channels, count, y);
}
void mean_rows(const float* const* rows, int64_t row_stride, int64_t taps, int64_t channels, int64_t count,
               const float* factor, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(mean_taps)(rows, row_stride, taps, channels, count, factor, y);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
