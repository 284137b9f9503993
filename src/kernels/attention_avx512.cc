// The softmax of attention for AVX-512 with BF16: numerators that are to be bf16 need no more of the exponential than
// that, and are rounded as they are made.
#if defined(__AVX512F__)
#include "kernels/attention_isa.h"
#include "kernels/brief_avx512.h"

namespace fovea::kernels::avx512 {
namespace {

FOVEA_VECTOR_INLINE __mmask16 first(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count > 0 ? (1u << count) - 1 : 0);
}

/// 32 numbers in bf16.
FOVEA_VECTOR_INLINE __m512i rounded_pair(__m512 low, __m512 high) {
  __m512i pair;
  asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(pair) : "v"(high), "v"(low));
  return pair;
}

}  // namespace

float exp_row_bf16(float* x, const float* mask, int64_t n, bf16* y) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 most[4] = {lowest, lowest, lowest, lowest};
  int64_t i = 0;
  if (mask == nullptr)
    for (; i + 64 <= n; i += 64)
      for (int j = 0; j < 4; ++j) most[j] = _mm512_max_ps(most[j], _mm512_loadu_ps(x + i + j * 16));
  for (; i < n; i += 16) {
    const __mmask16 valid = first(n - i);
    __m512 v = _mm512_mask_loadu_ps(lowest, valid, x + i);
    if (mask != nullptr) {
      v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(valid, mask + i));
      _mm512_mask_storeu_ps(x + i, valid, v);
    }
    most[0] = _mm512_max_ps(most[0], v);
  }
  const float largest =
      _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3])));
  constexpr float kLog2e = 1.44269504088896341f;
  const __m512 scale = _mm512_set1_ps(kLog2e), shift = _mm512_set1_ps(-largest * kLog2e);
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  const auto numerators = [&](__m512 v) FOVEA_VECTOR_LAMBDA { return power_of_two(_mm512_fmadd_ps(v, scale, shift)); };
  for (i = 0; i + 32 <= n; i += 32) {
    const __m512 low = numerators(_mm512_loadu_ps(x + i)), high = numerators(_mm512_loadu_ps(x + i + 16));
    sums[0] = _mm512_add_ps(sums[0], low);
    sums[1] = _mm512_add_ps(sums[1], high);
    _mm512_storeu_si512(y + i, rounded_pair(low, high));
  }
  if (i < n) {
    __m512 e[2];
    for (int j = 0; j < 2; ++j) {
      const __mmask16 valid = first(n - i - j * 16);
      e[j] = _mm512_maskz_mov_ps(valid, numerators(_mm512_maskz_loadu_ps(valid, x + i + j * 16)));
      sums[j] = _mm512_add_ps(sums[j], e[j]);
    }
    _mm512_mask_storeu_epi16(y + i, (1u << (n - i)) - 1, rounded_pair(e[0], e[1]));
  }
  return 1.0f / _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
}

}  // namespace fovea::kernels::avx512
#endif
