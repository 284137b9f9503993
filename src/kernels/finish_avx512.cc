// The end of a product for AVX-512 with BF16: a panel's row is two vectors, and its 32 numbers in bf16 are one.
#if defined(__AVX512F__)
#include <type_traits>

#include "kernels/brief_avx512.h"
#include "kernels/brief_rows_avx512.h"
#include "kernels/finish_isa.h"

namespace fovea::kernels::avx512 {
namespace {

#include "kernels/vector_math.inc.h"

using V = Vector;

struct Block {
  const Finish& finish;
  const float* sums;
  int64_t sums_stride, rows;
  Masks masks;
  const RowsOut& c;
};

/// All rows; what differs is known where the loop is compiled.
template <class Residual, bool kLast, class Out, class Act>
FOVEA_VECTOR_INLINE void rows_with(const Block& b, Act act) {
  const Masks m = b.masks;
  const Finish& f = b.finish;
  const Pair bias = m.load(f.bias, 0.0f), scale = m.load(f.scale, 1.0f);
  const float* sums = b.sums;
  const std::byte* residual = f.residual.data;
  std::byte* c = b.c.data;
  const int64_t residual_step = f.residual.stride * (f.residual.bf16 ? 2 : 4);
  for (int64_t i = 0; i < b.rows;
       ++i, sums += b.sums_stride, residual += residual_step, c += b.c.stride * Out::kBytes) {
    const Pair r = Residual::load(residual, m);
    Pair x{_mm512_fmadd_ps(_mm512_maskz_loadu_ps(m.low, sums), scale.low, bias.low),
           _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m.high, sums + 16), scale.high, bias.high)};
    if constexpr (!kLast) x = {_mm512_add_ps(x.low, r.low), _mm512_add_ps(x.high, r.high)};
    x = {act(x.low), act(x.high)};
    if constexpr (kLast) x = {_mm512_add_ps(x.low, r.low), _mm512_add_ps(x.high, r.high)};
    Out::store(c, m, x);
  }
}

template <class Residual, bool kLast, class Out>
void with_activation(const Block& b) {
  const Activation& a = b.finish.activation;
  switch (a.kind) {
    case ActivationKind::none:
      return rows_with<Residual, kLast, Out>(b, [](__m512 x) FOVEA_VECTOR_LAMBDA { return x; });
    case ActivationKind::relu:
      return rows_with<Residual, kLast, Out>(
          b, [](__m512 x) FOVEA_VECTOR_LAMBDA { return _mm512_max_ps(_mm512_setzero_ps(), x); });
    case ActivationKind::hard_swish:
      return rows_with<Residual, kLast, Out>(b, [](__m512 x) FOVEA_VECTOR_LAMBDA { return vector_hard_swish<V>(x); });
    case ActivationKind::gelu:
      return rows_with<Residual, kLast, Out>(b, [](__m512 x) FOVEA_VECTOR_LAMBDA {
        if constexpr (std::is_same_v<Out, Bf16Rows>)
          return brief_gelu(x);
        else
          return vector_activation<V>(x, {ActivationKind::gelu, 0, 0});
      });
    case ActivationKind::silu:
      return rows_with<Residual, kLast, Out>(b, [&a](__m512 x) FOVEA_VECTOR_LAMBDA {
        if constexpr (std::is_same_v<Out, Bf16Rows>)
          return brief_silu(x, a.alpha);
        else
          return vector_activation<V>(x, {ActivationKind::silu, a.alpha, 0});
      });
    default:
      return rows_with<Residual, kLast, Out>(b,
                                             [&a](__m512 x) FOVEA_VECTOR_LAMBDA { return vector_activation<V>(x, a); });
  }
}

template <class Residual, bool kLast>
void with_output(const Block& b) {
  b.c.bf16 ? with_activation<Residual, kLast, Bf16Rows>(b) : with_activation<Residual, kLast, F32Rows>(b);
}

}  // namespace

void finish_bf16_rows(const Finish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                      const RowsOut& c) {
  const Block b{f, sums, sums_stride, rows, Masks::of(columns), c};
  if (!f.residual) return with_output<NoRows, false>(b);
  if (f.residual.bf16)
    f.residual_last ? with_output<Bf16Rows, true>(b) : with_output<Bf16Rows, false>(b);
  else
    f.residual_last ? with_output<F32Rows, true>(b) : with_output<F32Rows, false>(b);
}

}  // namespace fovea::kernels::avx512
#endif
