// The end of a product, written once with Highway.
#include "kernels/finish.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/finish.cc"
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

/// All rows, with one activation known where the loops are compiled.
template <class Act>
HWY_INLINE void rows_with(const Epilogue& e, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                          float* c, int64_t c_stride, Act act) {
  for_vectors(columns, [&](int64_t j, int64_t n) HWY_ATTR {
    const V::F bias = e.bias != nullptr ? load_some(e.bias + j, n) : V::set(0.0f);
    const V::F scale = e.scale != nullptr ? load_some(e.scale + j, n) : V::set(1.0f);
    const float* residual = e.residual != nullptr ? e.residual + j : nullptr;
    for (int64_t i = 0; i < rows; ++i) {
      V::F x = V::fma(load_some(sums + i * sums_stride + j, n), scale, bias);
      if (residual != nullptr && !e.residual_last) x = V::add(x, load_some(residual + i * e.residual_stride, n));
      x = act(x);
      if (residual != nullptr && e.residual_last) x = V::add(x, load_some(residual + i * e.residual_stride, n));
      store_some(c + i * c_stride + j, n, x);
    }
  });
}

void finish(const Epilogue& e, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns, float* c,
            int64_t c_stride) {
  const auto run = [&](auto act) HWY_ATTR { rows_with(e, sums, sums_stride, rows, columns, c, c_stride, act); };
  switch (e.activation.kind) {
    case ActivationKind::none: return run([](V::F x) HWY_ATTR { return x; });
    case ActivationKind::relu: return run([](V::F x) HWY_ATTR { return V::max(V::set(0.0f), x); });
    case ActivationKind::hard_swish: return run([](V::F x) HWY_ATTR { return vector_hard_swish<V>(x); });
    default: return run([&e](V::F x) HWY_ATTR { return vector_activation<V>(x, e.activation); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(finish);
}  // namespace

void finish_rows(const Epilogue& epilogue, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 float* c, int64_t c_stride) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(finish)(epilogue, sums, sums_stride, rows, columns, c, c_stride);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
