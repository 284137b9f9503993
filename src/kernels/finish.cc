// The end of a product, written once with Highway.
#include "kernels/finish.h"

#include "base/cpu_features.h"
#include "kernels/dispatch.h"
#include "kernels/finish_isa.h"

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

#include "kernels/vector_bf16.inc.h"
#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"
#include "kernels/vector_rows.inc.h"

using V = Vector;

struct Block {
  const Finish& finish;
  const float* sums;
  int64_t sums_stride, rows, columns;
  const RowsOut& c;
};

/// All rows; what differs is known where the loops are compiled.
template <class Residual, class Out, class Act>
HWY_INLINE void rows_with(const Block& b, Act act) {
  const Finish& f = b.finish;
  const bool before = f.residual && !f.residual_last, behind = f.residual && f.residual_last;
  for_vectors(b.columns, [&](int64_t j, int64_t n) HWY_ATTR {
    const V::F bias = f.bias != nullptr ? load_some(f.bias + j, n) : V::set(0.0f);
    const V::F scale = f.scale != nullptr ? load_some(f.scale + j, n) : V::set(1.0f);
    const std::byte* residual = f.residual ? f.residual.data + j * Residual::kBytes : nullptr;
    std::byte* c = b.c.data + j * Out::kBytes;
    const float* sums = b.sums + j;
    for (int64_t i = 0; i < b.rows; ++i) {
      V::F x = V::fma(load_some(sums + i * b.sums_stride, n), scale, bias);
      if (before) x = V::add(x, Residual::load(residual + i * f.residual.stride * Residual::kBytes, n));
      x = act(x);
      if (behind) x = V::add(x, Residual::load(residual + i * f.residual.stride * Residual::kBytes, n));
      Out::store(c + i * b.c.stride * Out::kBytes, n, x);
    }
  });
}

template <class Residual, class Out>
HWY_INLINE void with_activation(const Block& b) {
  const Activation& a = b.finish.activation;
  switch (a.kind) {
    case ActivationKind::none: return rows_with<Residual, Out>(b, [](V::F x) HWY_ATTR { return x; });
    case ActivationKind::relu:
      return rows_with<Residual, Out>(b, [](V::F x) HWY_ATTR { return V::max(V::set(0.0f), x); });
    case ActivationKind::hard_swish:
      return rows_with<Residual, Out>(b, [](V::F x) HWY_ATTR { return vector_hard_swish<V>(x); });
    default: return rows_with<Residual, Out>(b, [&a](V::F x) HWY_ATTR { return vector_activation<V>(x, a); });
  }
}

void finish(const Finish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns, const RowsOut& c) {
  const Block b{f, sums, sums_stride, rows, columns, c};
  if (f.residual.bf16)
    c.bf16 ? with_activation<Bf16Rows, Bf16Rows>(b) : with_activation<Bf16Rows, F32Rows>(b);
  else
    c.bf16 ? with_activation<F32Rows, Bf16Rows>(b) : with_activation<F32Rows, F32Rows>(b);
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(finish);
}  // namespace

void finish_rows(const Finish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 const RowsOut& c) {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  static const bool rounds = active_isa() == Isa::avx512 && cpu_features().avx512_bf16;
  if (rounds && columns <= 32) return avx512::finish_bf16_rows(f, sums, sums_stride, rows, columns, c);
#endif
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(finish)(f, sums, sums_stride, rows, columns, c);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
