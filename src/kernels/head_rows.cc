// Rows of attention's operands, written once with Highway.
#include "kernels/head_rows.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/head_rows.cc"
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
#include "kernels/vector_rows.inc.h"

using V = Vector;

/// A row that is not turned.
template <class In, class Out>
HWY_INLINE void scaled(const std::byte* x, int64_t depth, V::F scale, std::byte* y) {
  for_vectors(depth, [&](int64_t c, int64_t n) HWY_ATTR {
    Out::store(y + c * Out::kBytes, n, V::mul(In::load(x + c * In::kBytes, n), scale));
  });
}

/// Neighbours are partners.
template <class In, class Out>
HWY_INLINE void turned_neighbours(const std::byte* x, const float* cos, const float* sin, int64_t depth, V::F scale,
                                  std::byte* y) {
  for_vectors(depth, [&](int64_t c, int64_t n) HWY_ATTR {
    const V::F v = In::load(x + c * In::kBytes, n), s = load_some(sin + c, n);
#if HWY_TARGET == HWY_SCALAR
    const V::F partner = In::load(x + (c ^ 1) * In::kBytes, n), sign = c % 2 == 0 ? V::neg(s) : s;
#else
    const V::F partner = hn::Shuffle2301(v), sign = hn::OddEven(s, V::neg(s));
#endif
    Out::store(y + c * Out::kBytes, n, V::mul(scale, V::fma(partner, sign, V::mul(v, load_some(cos + c, n)))));
  });
}

/// Partners lie half a row apart.
template <class In, class Out>
HWY_INLINE void turned_halves(const std::byte* x, const float* cos, const float* sin, int64_t depth, V::F scale,
                              std::byte* y) {
  const int64_t half = depth / 2;
  for_vectors(half, [&](int64_t c, int64_t n) HWY_ATTR {
    const int64_t d = c + half;
    const V::F a = In::load(x + c * In::kBytes, n), b = In::load(x + d * In::kBytes, n);
    const V::F first = V::sub(V::mul(a, load_some(cos + c, n)), V::mul(b, load_some(sin + c, n)));
    const V::F second = V::fma(a, load_some(sin + d, n), V::mul(b, load_some(cos + d, n)));
    Out::store(y + c * Out::kBytes, n, V::mul(scale, first));
    Out::store(y + d * Out::kBytes, n, V::mul(scale, second));
  });
}

template <class In, class Out>
void gather(const HeadRows& h, int64_t first, int64_t last, std::byte* y, int64_t y_stride) {
  const V::F scale = V::set(h.scale);
  for (int64_t t = first; t < last; ++t, y += y_stride * Out::kBytes) {
    const std::byte* x = h.x.data + t * h.x.stride * In::kBytes;
    const int64_t at = (t - h.skip) * h.depth;
    if (h.cos == nullptr || at < 0)
      scaled<In, Out>(x, h.depth, scale, y);
    else if (h.interleaved)
      turned_neighbours<In, Out>(x, h.cos + at, h.sin + at, h.depth, scale, y);
    else
      turned_halves<In, Out>(x, h.cos + at, h.sin + at, h.depth, scale, y);
  }
}

void gather_rows(const HeadRows& h, int64_t first, int64_t last, const RowsOut& y) {
  if (h.x.bf16)
    y.bf16 ? gather<Bf16Rows, Bf16Rows>(h, first, last, y.data, y.stride)
           : gather<Bf16Rows, F32Rows>(h, first, last, y.data, y.stride);
  else
    y.bf16 ? gather<F32Rows, Bf16Rows>(h, first, last, y.data, y.stride)
           : gather<F32Rows, F32Rows>(h, first, last, y.data, y.stride);
}

template <class Out>
void scale_to(const float* x, int64_t x_stride, const float* factors, bool nan_to_zero, int64_t rows, int64_t columns,
              std::byte* y, int64_t y_stride) {
  for (int64_t i = 0; i < rows; ++i, x += x_stride, y += y_stride * Out::kBytes) {
    const bool zero = nan_to_zero && factors[i] != factors[i];
    const V::F factor = V::set(factors[i]);
    for_vectors(columns, [&](int64_t c, int64_t n) HWY_ATTR {
      Out::store(y + c * Out::kBytes, n, zero ? V::set(0.0f) : V::mul(load_some(x + c, n), factor));
    });
  }
}

void scale_all(const float* x, int64_t x_stride, const float* factors, bool nan_to_zero, int64_t rows, int64_t columns,
               const RowsOut& y) {
  y.bf16 ? scale_to<Bf16Rows>(x, x_stride, factors, nan_to_zero, rows, columns, y.data, y.stride)
         : scale_to<F32Rows>(x, x_stride, factors, nan_to_zero, rows, columns, y.data, y.stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(gather_rows);
HWY_EXPORT(scale_all);
}  // namespace

void gather_head_rows(const HeadRows& rows, int64_t first, int64_t last, const RowsOut& y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(gather_rows)(rows, first, last, y);
}
void scale_rows(const float* x, int64_t x_stride, const float* factors, bool nan_to_zero, int64_t rows, int64_t columns,
                const RowsOut& y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(scale_all)(x, x_stride, factors, nan_to_zero, rows, columns, y);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
