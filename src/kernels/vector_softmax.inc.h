// The numerators of a softmax, for files written with Highway. Included inside HWY_NAMESPACE behind
// vector_highway.inc.h; no include guard, as each target needs its own copy.

/// exp(x) for x <= 0 (NaN stays NaN), as 2^t with t cut at the nearest whole number; the polynomial has the least
/// maximum of the relative error on [-1/2, 1/2], 1.1e-7. Below -86.5 it gives exp(-86.5), 2.7e-38: nothing beside the
/// row's largest, and no subnormal. Relative error: 2.5e-7 + 1.4e-8 |x|, the second part from log2(e) as a float;
/// without a fused multiply-add t is rounded, too, which adds 6e-8 |x|, as much as the rounding of x itself.
FOVEA_VECTOR_INLINE Vector::F vector_exp_below_zero(Vector::F x) {
  using V = Vector;
  using F = V::F;
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  x = V::max(V::set(-86.5f), x);  // x86 gives the second where one is NaN
#else
  x = V::select_less(x, V::set(-86.5f), V::set(-86.5f), x);
#endif
  const F log2e = V::set(1.44269504088896341f);
  // What is added to 1.5 * 2^23 is rounded to a whole number, whose bits are the sum's last ones. 127 more make them
  // the exponent of 2^n.
  const F whole = V::set(12582912.0f + 127.0f), shifted = V::fma(x, log2e, whole), n = V::sub(shifted, whole);
  const F f = V::fma(x, log2e, V::neg(n));
  F p = V::set(1.3264727e-3f);
  p = V::fma(p, f, V::set(9.671513e-3f));
  p = V::fma(p, f, V::set(5.5507336e-2f));
  p = V::fma(p, f, V::set(2.4022242e-1f));
  p = V::fma(p, f, V::set(6.9314700e-1f));
  p = V::fma(p, f, V::set(1.0f));
  const hn::RebindToUnsigned<V::D> du;
  return V::mul(p, hn::BitCast(V::D(), hn::ShiftLeft<23>(hn::BitCast(du, shifted))));
}

/// y = exp(x - max x) over one row; returns the sum. y may be x.
FOVEA_VECTOR_INLINE float softmax_numerators(const float* x, float* y, int64_t n) {
  using V = Vector;
  using F = V::F;
  constexpr int64_t w = V::kWidth;
  const float lowest = -std::numeric_limits<float>::infinity();
  F m0 = V::set(lowest), m1 = m0, m2 = m0, m3 = m0;
  int64_t i = 0;
  for (; i + 4 * w <= n; i += 4 * w) {
    m0 = V::max(m0, V::load(x + i));
    m1 = V::max(m1, V::load(x + i + w));
    m2 = V::max(m2, V::load(x + i + 2 * w));
    m3 = V::max(m3, V::load(x + i + 3 * w));
  }
  for (; i < n; i += w) m0 = V::max(m0, load_some(x + i, n - i < w ? n - i : w, lowest));
  const F most = V::set(V::largest(V::max(V::max(m0, m1), V::max(m2, m3))));
  F s0 = V::set(0.0f), s1 = s0;
  for (i = 0; i + 2 * w <= n; i += 2 * w) {
    const F a = vector_exp_below_zero(V::sub(V::load(x + i), most));
    const F b = vector_exp_below_zero(V::sub(V::load(x + i + w), most));
    V::store(y + i, a);
    V::store(y + i + w, b);
    s0 = V::add(s0, a);
    s1 = V::add(s1, b);
  }
  for (; i + w <= n; i += w) {
    const F a = vector_exp_below_zero(V::sub(V::load(x + i), most));
    V::store(y + i, a);
    s0 = V::add(s0, a);
  }
  float total = V::sum(V::add(s0, s1));
  if (i < n) {
    float tail[w];
    V::store(tail, vector_exp_below_zero(V::sub(load_some(x + i, n - i, lowest), most)));
    for (int64_t k = 0; i + k < n; ++k) {
      y[i + k] = tail[k];
      total += tail[k];
    }
  }
  return total;
}
