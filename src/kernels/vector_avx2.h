// Eight floats of AVX2 with FMA. Only for files compiled with -mavx2 -mfma.
#pragma once

#include <cstdint>

#include <immintrin.h>

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline
#define FOVEA_VECTOR_LAMBDA __attribute__((always_inline))

namespace fovea::kernels::avx2 {

struct Vector {
  using F = __m256;
  static constexpr int kWidth = 8;
  // clang-format off
  FOVEA_VECTOR_INLINE static F load(const float* p) { return _mm256_loadu_ps(p); }
  FOVEA_VECTOR_INLINE static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  FOVEA_VECTOR_INLINE static F set(float x) { return _mm256_set1_ps(x); }
  FOVEA_VECTOR_INLINE static F add(F a, F b) { return _mm256_add_ps(a, b); }
  FOVEA_VECTOR_INLINE static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  FOVEA_VECTOR_INLINE static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  FOVEA_VECTOR_INLINE static F div(F a, F b) { return _mm256_div_ps(a, b); }
  FOVEA_VECTOR_INLINE static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  FOVEA_VECTOR_INLINE static F min(F a, F b) { return _mm256_min_ps(a, b); }
  FOVEA_VECTOR_INLINE static F max(F a, F b) { return _mm256_max_ps(a, b); }
  FOVEA_VECTOR_INLINE static F sqrt(F a) { return _mm256_sqrt_ps(a); }
  FOVEA_VECTOR_INLINE static F abs(F a) { return _mm256_andnot_ps(set(-0.0f), a); }
  FOVEA_VECTOR_INLINE static F neg(F a) { return _mm256_xor_ps(set(-0.0f), a); }
  FOVEA_VECTOR_INLINE static F copy_sign(F a, F sign) {
    return _mm256_or_ps(abs(a), _mm256_and_ps(set(-0.0f), sign));
  }
  FOVEA_VECTOR_INLINE static F round(F a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // clang-format on
  /// acc += x * b in acc's own register. Left to choose among the forms of the instruction, g++ copies and spills sums
  /// of tiles that fill the registers: 6 % of an AVX-512 product's time, 10 % of an AVX2 one's.
  FOVEA_VECTOR_INLINE static void accumulate(F& acc, F x, F b) {
    F sum = acc;
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(b));
    acc = sum;
  }
  /// kCount floats again and again.
  template <int kCount>
  FOVEA_VECTOR_INLINE static F spread(const float* p) {
    static_assert(kCount == 2);
    double two;
    __builtin_memcpy(&two, p, sizeof two);
    return _mm256_castpd_ps(_mm256_set1_pd(two));
  }
  FOVEA_VECTOR_INLINE static __m256i first(int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
  }
  /// The first n floats of a vector, n less than its width; what is beyond reads as 0.
  FOVEA_VECTOR_INLINE static F load_less(const float* p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
  FOVEA_VECTOR_INLINE static void store_less(float* p, int64_t n, F x) { _mm256_maskstore_ps(p, first(n), x); }
  /// x * 2^n for whole n in [-126, 127].
  FOVEA_VECTOR_INLINE static F scale_by_power(F x, F n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return mul(x, _mm256_castsi256_ps(exponent));
  }
  /// a < b ? yes : no
  FOVEA_VECTOR_INLINE static F select_less(F a, F b, F yes, F no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  /// isnan(x) ? yes : no
  FOVEA_VECTOR_INLINE static F select_nan(F x, F yes, F no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
};

}  // namespace fovea::kernels::avx2
