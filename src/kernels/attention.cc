// What attention needs besides matrix products, written once with Highway.
#include "kernels/attention.h"

#include <limits>

#include "base/cpu_features.h"
#include "kernels/activation.h"
#include "kernels/attention_isa.h"
#include "kernels/dispatch.h"
#include "kernels/word_rows.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cc"
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
#include "kernels/vector_softmax.inc.h"

using V = Vector;

void scale(const float* x, int64_t stride, float factor, float* y, int64_t n) {
  if (stride != 1) {
    for (int64_t c = 0; c < n; ++c) y[c] = factor * x[c * stride];
    return;
  }
  const V::F f = V::set(factor);
  for_vectors(n,
              [&](int64_t c, int64_t count) HWY_ATTR { store_some(y + c, count, V::mul(load_some(x + c, count), f)); });
}

float softmax_exp(float* x, const float* mask, int64_t n) {
  if (mask != nullptr)
    for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
      store_some(x + i, count, V::add(load_some(x + i, count), load_some(mask + i, count)));
    });
  return 1.0f / softmax_numerators(x, x, n);
}

const char* attention_isa() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(scale);
HWY_EXPORT(softmax_exp);
HWY_EXPORT(attention_isa);
}  // namespace

void scale_row(const float* x, int64_t stride, float factor, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(scale)(x, stride, factor, y, n);
}
float exp_row(float* x, const float* mask, int64_t n) {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(softmax_exp)(x, mask, n);
}
float exp_row_bf16(float* x, const float* mask, int64_t n, bf16* y) {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  static const bool rounds = active_isa() == Isa::avx512 && cpu_features().avx512_bf16;
  if (rounds) return avx512::exp_row_bf16(x, mask, n, y);
#endif
  const float factor = exp_row(x, mask, n);
  narrow_row(x, n, y);
  return factor;
}
const char* attention_target() {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(attention_isa)();
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
