// The end of a product for AVX-512 with BF16: a panel's row is two vectors, and its 32 numbers in bf16 are one.
#if defined(__AVX512F__)
#include <type_traits>

#include "kernels/brief_avx512.h"
#include "kernels/finish_isa.h"

namespace fovea::kernels::avx512 {
namespace {

#include "kernels/vector_math.inc.h"

using V = Vector;

/// 32 numbers of a row; what lies beyond the masks is not touched.
struct Pair {
  __m512 low, high;
};
struct Masks {
  __mmask16 low, high;
  __mmask32 both;
};

struct NoRows {
  FOVEA_VECTOR_INLINE static Pair load(const std::byte*, const Masks&) {
    return {_mm512_setzero_ps(), _mm512_setzero_ps()};
  }
};
struct F32Rows {
  static constexpr int64_t kBytes = 4;
  FOVEA_VECTOR_INLINE static Pair load(const std::byte* p, const Masks& m) {
    return {_mm512_maskz_loadu_ps(m.low, p), _mm512_maskz_loadu_ps(m.high, p + 64)};
  }
  FOVEA_VECTOR_INLINE static void store(std::byte* p, const Masks& m, Pair x) {
    _mm512_mask_storeu_ps(p, m.low, x.low);
    _mm512_mask_storeu_ps(p + 64, m.high, x.high);
  }
};
struct Bf16Rows {
  static constexpr int64_t kBytes = 2;
  FOVEA_VECTOR_INLINE static Pair load(const std::byte* p, const Masks& m) {
    const __m512i all = _mm512_maskz_loadu_epi16(m.both, p);
    const auto wide = [](__m256i x) FOVEA_VECTOR_LAMBDA {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
    };
    return {wide(_mm512_castsi512_si256(all)), wide(_mm512_extracti64x4_epi64(all, 1))};
  }
  FOVEA_VECTOR_INLINE static void store(std::byte* p, const Masks& m, Pair x) {
    __m512i all;
    asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(all) : "v"(x.high), "v"(x.low));
    _mm512_mask_storeu_epi16(p, m.both, all);
  }
};

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
  const auto columns = [&](const float* p, float otherwise) FOVEA_VECTOR_LAMBDA {
    const __m512 other = _mm512_set1_ps(otherwise);
    return p == nullptr ? Pair{other, other}
                        : Pair{_mm512_mask_loadu_ps(other, m.low, p), _mm512_mask_loadu_ps(other, m.high, p + 16)};
  };
  const Pair bias = columns(f.bias, 0.0f), scale = columns(f.scale, 1.0f);
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
  const uint32_t both = columns == 32 ? ~0u : (1u << columns) - 1;
  const Block b{f, sums, sums_stride, rows, {static_cast<__mmask16>(both), static_cast<__mmask16>(both >> 16), both},
                c};
  if (!f.residual) return with_output<NoRows, false>(b);
  if (f.residual.bf16)
    f.residual_last ? with_output<Bf16Rows, true>(b) : with_output<Bf16Rows, false>(b);
  else
    f.residual_last ? with_output<F32Rows, true>(b) : with_output<F32Rows, false>(b);
}

}  // namespace fovea::kernels::avx512
#endif
