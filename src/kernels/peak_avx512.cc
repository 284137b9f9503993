// The peak loops for AVX-512, and for its extensions VNNI and BF16.
#if defined(__AVX512F__)
#include <immintrin.h>

#include "kernels/peak_isa.h"
#include "kernels/peak_sums.inc.h"

#define REGISTER "v"

namespace fovea::kernels::avx512 {
namespace {

#define FOVEA_FMA(i) sum##i = _mm512_fmadd_ps(x, y, sum##i);
void fp32(int64_t steps) {
  const __m512 start = _mm512_setzero_ps(), y = _mm512_set1_ps(0.75f);
  __m512 x = _mm512_set1_ps(1.25f);
  FOVEA_PEAK_LOOP(FOVEA_SIXTEEN, FOVEA_FMA)
}

#define FOVEA_BF16(i) sum##i = _mm512_dpbf16_ps(sum##i, (__m512bh)x, (__m512bh)y);
[[gnu::target("avx512bf16")]] void bf16(int64_t steps) {
  const __m512 start = _mm512_setzero_ps();
  const __m512i y = _mm512_set1_epi16(0x3f40);  // 0.75
  __m512i x = _mm512_set1_epi16(0x3fa0);
  FOVEA_PEAK_LOOP(FOVEA_SIXTEEN, FOVEA_BF16)
}

// Without VNNI a product of bytes takes three instructions: pairs into 16 bits, pairs of those into 32, the sum.
#define FOVEA_BYTES(i)        \
  asm volatile("" : "+v"(x)); \
  sum##i = _mm512_add_epi32(sum##i, _mm512_madd_epi16(_mm512_maddubs_epi16(x, y), ones));
void int8(int64_t steps) {
  const __m512i start = _mm512_setzero_si512(), y = _mm512_set1_epi8(-5), ones = _mm512_set1_epi16(1);
  __m512i x = _mm512_set1_epi8(3);
  FOVEA_PEAK_LOOP(FOVEA_EIGHT, FOVEA_BYTES)
}

#define FOVEA_VNNI(i) sum##i = _mm512_dpbusd_epi32(sum##i, x, y);
[[gnu::target("avx512vnni")]] void int8_vnni(int64_t steps) {
  const __m512i start = _mm512_setzero_si512(), y = _mm512_set1_epi8(-5);
  __m512i x = _mm512_set1_epi8(3);
  FOVEA_PEAK_LOOP(FOVEA_SIXTEEN, FOVEA_VNNI)
}

}  // namespace

const PeakLoop kPeakFp32{"avx512_fp32", 16 * 16, fp32};
const PeakLoop kPeakBf16{"avx512_bf16", 16 * 32, bf16};
const PeakLoop kPeakInt8{"avx512_int8", 8 * 64, int8};
const PeakLoop kPeakInt8Vnni{"avx512_vnni_int8", 16 * 64, int8_vnni};

}  // namespace fovea::kernels::avx512
#endif
