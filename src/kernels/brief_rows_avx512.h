// Rows of 32 numbers in f32 or bf16, a panel's width, for AVX-512 with BF16. Only for files compiled for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/vector_avx512.h"

namespace fovea::kernels::avx512 {

/// 32 numbers of a row; what lies beyond the masks is not touched.
struct Pair {
  __m512 low, high;
};
struct Masks {
  __mmask16 low, high;
  __mmask32 both;

  FOVEA_VECTOR_INLINE static Masks of(int64_t columns) {
    const uint32_t both = columns >= 32 ? ~0u : (1u << columns) - 1;
    return {static_cast<__mmask16>(both), static_cast<__mmask16>(both >> 16), both};
  }
  /// Numbers of columns, or `otherwise` for all of them where there are none.
  FOVEA_VECTOR_INLINE Pair load(const float* p, float otherwise) const;
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

FOVEA_VECTOR_INLINE Pair Masks::load(const float* p, float otherwise) const {
  const __m512 other = _mm512_set1_ps(otherwise);
  return p == nullptr ? Pair{other, other}
                      : Pair{_mm512_mask_loadu_ps(other, low, p), _mm512_mask_loadu_ps(other, high, p + 16)};
}

}  // namespace fovea::kernels::avx512
