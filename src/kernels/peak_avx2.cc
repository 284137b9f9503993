// The peak loops for AVX2 with FMA, and for CPUs that have VNNI in 256 bits.
#if defined(__AVX2__)
#include <immintrin.h>

#include "kernels/peak_isa.h"
#include "kernels/peak_sums.inc.h"

#define REGISTER "x"

namespace fovea::kernels::avx2 {
namespace {

// Two units with a latency of four or five cycles are busy with ten sums.
#define FOVEA_FMA(i) sum##i = _mm256_fmadd_ps(x, y, sum##i);
void fp32(int64_t steps) {
  const __m256 start = _mm256_setzero_ps(), y = _mm256_set1_ps(0.75f);
  __m256 x = _mm256_set1_ps(1.25f);
  FOVEA_PEAK_LOOP(FOVEA_TWELVE, FOVEA_FMA)
}

// Without VNNI a product of bytes takes three instructions: pairs into 16 bits, pairs of those into 32, the sum. They
// need registers of their own.
#define FOVEA_BYTES(i)        \
  asm volatile("" : "+x"(x)); \
  sum##i = _mm256_add_epi32(sum##i, _mm256_madd_epi16(_mm256_maddubs_epi16(x, y), ones));
void int8(int64_t steps) {
  const __m256i start = _mm256_setzero_si256(), y = _mm256_set1_epi8(-5), ones = _mm256_set1_epi16(1);
  __m256i x = _mm256_set1_epi8(3);
  FOVEA_PEAK_LOOP(FOVEA_EIGHT, FOVEA_BYTES)
}

#define FOVEA_VNNI(i) sum##i = _mm256_dpbusd_avx_epi32(sum##i, x, y);
[[gnu::target("avxvnni")]] void int8_vnni(int64_t steps) {
  const __m256i start = _mm256_setzero_si256(), y = _mm256_set1_epi8(-5);
  __m256i x = _mm256_set1_epi8(3);
  FOVEA_PEAK_LOOP(FOVEA_TWELVE, FOVEA_VNNI)
}

}  // namespace

const PeakLoop kPeakFp32{"avx2_fp32", 12 * 8, fp32};
const PeakLoop kPeakInt8{"avx2_int8", 8 * 32, int8};
const PeakLoop kPeakInt8Vnni{"avx_vnni_int8", 12 * 32, int8_vnni};

}  // namespace fovea::kernels::avx2
#endif
