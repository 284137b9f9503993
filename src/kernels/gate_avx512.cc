// Gates of rows in bf16 for AVX-512 with BF16.
#if defined(__AVX512F__)
#include "kernels/brief_avx512.h"
#include "kernels/finish_isa.h"

namespace fovea::kernels::avx512 {
namespace {

/// 32 numbers, those beyond the mask 0.
struct Pair {
  __m512 low, high;
};
FOVEA_VECTOR_INLINE Pair load(const bf16* p, __mmask32 valid) {
  const __m512i all = _mm512_maskz_loadu_epi16(valid, p);
  const auto wide = [](__m256i x) FOVEA_VECTOR_LAMBDA {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
  };
  return {wide(_mm512_castsi512_si256(all)), wide(_mm512_extracti64x4_epi64(all, 1))};
}

template <class Act>
FOVEA_VECTOR_INLINE void gate(const bf16* a, const bf16* b, bf16* y, int64_t n, Act act) {
  for (int64_t i = 0; i < n; i += 32) {
    const __mmask32 valid = n - i >= 32 ? ~0u : (1u << (n - i)) - 1;
    const Pair x = load(a + i, valid), factor = load(b + i, valid);
    const __m512 low = _mm512_mul_ps(act(x.low), factor.low), high = _mm512_mul_ps(act(x.high), factor.high);
    __m512i all;
    asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(all) : "v"(high), "v"(low));
    _mm512_mask_storeu_epi16(y + i, valid, all);
  }
}

}  // namespace

bool gate_bf16_row(const Activation& act, const bf16* a, const bf16* b, bf16* y, int64_t n) {
  if (act.kind == ActivationKind::silu)
    gate(a, b, y, n, [&](__m512 x) FOVEA_VECTOR_LAMBDA { return brief_silu(x, act.alpha); });
  else if (act.kind == ActivationKind::gelu)
    gate(a, b, y, n, [](__m512 x) FOVEA_VECTOR_LAMBDA { return brief_gelu(x); });
  else
    return false;
  return true;
}

}  // namespace fovea::kernels::avx512
#endif
