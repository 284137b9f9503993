// Sixteen floats of AVX-512 (F, DQ). Only for files compiled for it.
#pragma once

#include <cstdint>

#include <immintrin.h>

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline
#define FOVEA_VECTOR_LAMBDA __attribute__((always_inline))

namespace fovea::kernels::avx512 {

struct Vector {
  using F = __m512;
  static constexpr int kWidth = 16;
  // clang-format off
  FOVEA_VECTOR_INLINE static F load(const float* p) { return _mm512_loadu_ps(p); }
  FOVEA_VECTOR_INLINE static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  FOVEA_VECTOR_INLINE static F set(float x) { return _mm512_set1_ps(x); }
  FOVEA_VECTOR_INLINE static F add(F a, F b) { return _mm512_add_ps(a, b); }
  FOVEA_VECTOR_INLINE static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  FOVEA_VECTOR_INLINE static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  FOVEA_VECTOR_INLINE static F div(F a, F b) { return _mm512_div_ps(a, b); }
  FOVEA_VECTOR_INLINE static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  FOVEA_VECTOR_INLINE static F min(F a, F b) { return _mm512_min_ps(a, b); }
  FOVEA_VECTOR_INLINE static F max(F a, F b) { return _mm512_max_ps(a, b); }
  FOVEA_VECTOR_INLINE static F sqrt(F a) { return _mm512_sqrt_ps(a); }
  FOVEA_VECTOR_INLINE static F abs(F a) { return _mm512_andnot_ps(set(-0.0f), a); }
  FOVEA_VECTOR_INLINE static F neg(F a) { return _mm512_xor_ps(set(-0.0f), a); }
  FOVEA_VECTOR_INLINE static F copy_sign(F a, F sign) {
    return _mm512_or_ps(abs(a), _mm512_and_ps(set(-0.0f), sign));
  }
  FOVEA_VECTOR_INLINE static F round(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // clang-format on
  /// acc += x * b in acc's own register. Left to choose among the forms of the instruction, g++ copies and spills sums
  /// of tiles that fill the registers: 6 % of an AVX-512 product's time, 10 % of an AVX2 one's.
  FOVEA_VECTOR_INLINE static void accumulate(F& acc, F x, F b) {
    F sum = acc;
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b));
    acc = sum;
  }
  /// kCount floats again and again.
  template <int kCount>
  FOVEA_VECTOR_INLINE static F spread(const float* p) {
    static_assert(kCount == 2 || kCount == 4);
    if constexpr (kCount == 4) return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
    double two;
    __builtin_memcpy(&two, p, sizeof two);
    return _mm512_castpd_ps(_mm512_set1_pd(two));
  }
  /// The first n floats of a vector, n less than its width; what is beyond reads as 0.
  FOVEA_VECTOR_INLINE static F load_less(const float* p, int64_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
  }
  FOVEA_VECTOR_INLINE static void store_less(float* p, int64_t n, F x) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x);
  }
  /// x * 2^n for whole n in [-126, 127].
  FOVEA_VECTOR_INLINE static F scale_by_power(F x, F n) { return _mm512_scalef_ps(x, n); }
  /// a < b ? yes : no
  FOVEA_VECTOR_INLINE static F select_less(F a, F b, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
  }
  /// isnan(x) ? yes : no
  FOVEA_VECTOR_INLINE static F select_nan(F x, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), no, yes);
  }
};

}  // namespace fovea::kernels::avx512
