// Functions whose results are rounded to bf16, for AVX-512: they need no more than a part of its 2^-9 (brief_gelu: of
// results of about 1; its error is absolute, and larger than that in the tail), and cost half of those of
// vector_math.inc.h.
#pragma once

#include <immintrin.h>

#include "kernels/vector_avx512.h"

namespace fovea::kernels::avx512 {

/// 2^t, NaN stays NaN. Relative error 3e-6 (least maximum over [-1/2, 1/2]); below -126 it gives 0 or a subnormal.
FOVEA_VECTOR_INLINE __m512 power_of_two(__m512 t) {
  t = _mm512_max_ps(_mm512_set1_ps(-200.0f), t);  // the second operand where one is NaN; -infinity would make a NaN
  const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(t, n);
  __m512 p = _mm512_set1_ps(9.5828530e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5906426e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4024099e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9312420e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

/// x / (1 + exp(-alpha x)), relative error 7e-5.
FOVEA_VECTOR_INLINE __m512 brief_silu(__m512 x, float alpha) {
  const __m512 e = power_of_two(_mm512_mul_ps(x, _mm512_set1_ps(-1.44269504088896341f * alpha)));
  return _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(e, _mm512_set1_ps(1.0f))));
}

/// x * (1 + erf(x / sqrt 2)) / 2, absolute error 1.4e-4. Relative to results far below zero, which are as small
/// themselves, that is much: 5 % at -3.5, all of it below -4. The normal distribution is 1/2 + x P(x^2) on [-4, 4]
/// (least maximum of the product's error, exact at the ends) and 0 or 1 beyond.
FOVEA_VECTOR_INLINE __m512 brief_gelu(__m512 x) {
  const __m512 end = _mm512_set1_ps(4.0f);
  const __m512 t = _mm512_min_ps(_mm512_set1_ps(16.0f), _mm512_mul_ps(x, x));
  const __m512 inside = _mm512_min_ps(end, _mm512_max_ps(_mm512_set1_ps(-4.0f), x));
  __m512 p = _mm512_set1_ps(-4.6194232e-10f);
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(5.2079152e-8f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-2.3508178e-6f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(5.7956724e-5f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-8.8700035e-4f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(9.0566594e-3f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-6.5096289e-2f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(3.9820716e-1f));
  // What rounding leaves of 0 would grow with x.
  const __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-4.0f), _CMP_NLE_UQ);
  return _mm512_mul_ps(x, _mm512_maskz_fmadd_ps(above, inside, p, _mm512_set1_ps(0.5f)));
}

}  // namespace fovea::kernels::avx512
