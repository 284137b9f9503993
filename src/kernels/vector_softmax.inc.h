// The numerators of a softmax, for files written with Highway. Included inside HWY_NAMESPACE behind
// vector_highway.inc.h; no include guard, as each target needs its own copy.

/// exp(x) for x <= 0 (NaN stays NaN): like vector_exp (vector_math.inc.h), without what only other arguments need.
/// Below -86.5 it gives exp(-86.5), 2.7e-38: nothing beside the row's largest, and no subnormal. Relative error 3e-7.
FOVEA_VECTOR_INLINE Vector::F vector_exp_below_zero(Vector::F x) {
  using V = Vector;
  using F = V::F;
  x = V::select_less(x, V::set(-86.5f), V::set(-86.5f), x);  // unlike a maximum, it lets NaN pass on every target
  const F n = V::round(V::mul(x, V::set(1.44269504088896341f)));
  F r = V::fma(n, V::set(-0.693145751953125f), x);
  r = V::fma(n, V::set(-1.42860677e-6f), r);
  F p = V::set(1.3888889e-3f);
  p = V::fma(p, r, V::set(8.3333333e-3f));
  p = V::fma(p, r, V::set(4.1666667e-2f));
  p = V::fma(p, r, V::set(1.6666667e-1f));
  p = V::fma(p, r, V::set(0.5f));
  p = V::fma(p, r, V::set(1.0f));
  p = V::fma(p, r, V::set(1.0f));
  return V::scale_by_power(p, n);
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
