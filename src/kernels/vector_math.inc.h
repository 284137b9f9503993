// exp, erf, tanh and activations on vectors, written once for every vector type. Included inside the namespace of one
// instruction set, once for each; V is a struct of static functions over V::F (see vector_avx2.h, elementwise.cc).
//
// Largest relative errors (elementwise_test.cc holds them): exp 3e-7 in [-87, 88], sigmoid, silu, tanh and erf 5e-7;
// gelu 1.2e-6 of max(|gelu(x)|, 1).
// No include guard: each instruction set needs its own copy.

/// exp(x). Cody and Waite's reduction by ln 2 in two parts, a polynomial of degree 6 on [-ln2/2, ln2/2], the exponent
/// added to the bits. Below -87.3 the result is 0 (subnormals are not made), above 88.7 infinity; NaN stays NaN.
template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_exp(typename V::F x) {
  using F = typename V::F;
  const F n = V::round(V::mul(V::min(V::max(x, V::set(-104.0f)), V::set(104.0f)), V::set(1.44269504088896341f)));
  F r = V::fma(n, V::set(-0.693145751953125f), x);
  r = V::fma(n, V::set(-1.42860677e-6f), r);
  F p = V::set(1.3888889e-3f);
  p = V::fma(p, r, V::set(8.3333333e-3f));
  p = V::fma(p, r, V::set(4.1666667e-2f));
  p = V::fma(p, r, V::set(1.6666667e-1f));
  p = V::fma(p, r, V::set(0.5f));
  p = V::fma(p, r, V::set(1.0f));
  p = V::fma(p, r, V::set(1.0f));
  F y = V::scale_by_power(p, V::min(V::max(n, V::set(-126.0f)), V::set(127.0f)));
  y = V::select_less(x, V::set(-87.33654f), V::set(0.0f), y);
  y = V::select_less(V::set(88.3762626647949f), x, V::mul(y, V::set(2.0f)), y);  // n is 128 there, scaled by 2^127
  y = V::select_less(V::set(88.722839f), x, V::set(__builtin_inff()), y);
  return V::select_nan(x, x, y);
}

template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_sigmoid(typename V::F x) {
  return V::div(V::set(1.0f), V::add(V::set(1.0f), vector_exp<V>(V::neg(x))));
}

/// tanh(x): x + x^3 P(x^2) for |x| < 0.625 (Cephes), (1 - e) / (1 + e) with e = exp(-2 |x|) beyond.
template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_tanh(typename V::F x) {
  using F = typename V::F;
  const F a = V::abs(x), z = V::mul(x, x);
  F p = V::set(-5.70498872745e-3f);
  p = V::fma(p, z, V::set(2.06390887954e-2f));
  p = V::fma(p, z, V::set(-5.37397155531e-2f));
  p = V::fma(p, z, V::set(1.33314422036e-1f));
  p = V::fma(p, z, V::set(-3.33332819422e-1f));
  const F small = V::fma(V::mul(p, z), x, x);
  const F e = vector_exp<V>(V::mul(a, V::set(-2.0f)));
  const F large = V::copy_sign(V::div(V::sub(V::set(1.0f), e), V::add(V::set(1.0f), e)), x);
  return V::select_less(a, V::set(0.625f), small, large);
}

/// erf(x): x P(x^2) / Q(x^2) on [-3.92, 3.92], beyond which floats know no difference from 1. Coefficients by weighted
/// least squares (minimax to 2e-8); all are positive, so that nothing cancels. NaN gives NaN or a sign.
template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_erf(typename V::F x) {
  using F = typename V::F;
  x = V::min(V::set(3.92f), V::max(V::set(-3.92f), x));
  const F z = V::mul(x, x);
  F p = V::set(2.05006187e-6f);
  p = V::fma(p, z, V::set(2.84864885e-4f));
  p = V::fma(p, z, V::set(3.76515935e-3f));
  p = V::fma(p, z, V::set(5.27472779e-2f));
  p = V::fma(p, z, V::set(1.90396882e-1f));
  p = V::fma(p, z, V::set(1.12837915f));
  F q = V::set(3.8090518e-5f);
  q = V::fma(q, z, V::set(1.1624106e-3f));
  q = V::fma(q, z, V::set(1.4968303e-2f));
  q = V::fma(q, z, V::set(1.1410499e-1f));
  q = V::fma(q, z, V::set(5.02067587e-1f));
  q = V::fma(q, z, V::set(1.0f));
  return V::min(V::set(1.0f), V::max(V::set(-1.0f), V::div(V::mul(x, p), q)));
}

/// x * min(max(x / 6 + 1/2, 0), 1)
template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_hard_swish(typename V::F x) {
  using F = typename V::F;
  const F gate = V::fma(x, V::set(1.0f / 6.0f), V::set(0.5f));
  return V::mul(x, V::min(V::set(1.0f), V::max(V::set(0.0f), gate)));
}

/// `kind` is the same for all elements: the branch is taken once a vector and predicted.
template <class V>
FOVEA_VECTOR_INLINE typename V::F vector_activation(typename V::F x, const Activation& act) {
  using F = typename V::F;
  const F zero = V::set(0.0f), one = V::set(1.0f), half = V::set(0.5f);
  switch (act.kind) {
    case ActivationKind::none: return x;
    case ActivationKind::relu: return V::max(zero, x);
    case ActivationKind::clip: return V::min(V::set(act.beta), V::max(V::set(act.alpha), x));
    case ActivationKind::leaky_relu: return V::select_less(x, zero, V::mul(x, V::set(act.alpha)), x);
    case ActivationKind::hard_sigmoid: return V::min(one, V::max(zero, V::fma(x, V::set(act.alpha), V::set(act.beta))));
    case ActivationKind::hard_swish: return vector_hard_swish<V>(x);
    case ActivationKind::sigmoid: return vector_sigmoid<V>(x);
    case ActivationKind::silu: return V::mul(x, vector_sigmoid<V>(V::mul(x, V::set(act.alpha))));
    case ActivationKind::tanh: return vector_tanh<V>(x);
    case ActivationKind::erf: return V::select_nan(x, x, vector_erf<V>(x));
    case ActivationKind::gelu: {
      const F h = V::mul(x, half);
      return V::fma(h, vector_erf<V>(V::mul(x, V::set(0.70710678118654752f))), h);
    }
    case ActivationKind::gelu_tanh: {
      const F h = V::mul(x, half), z = V::mul(x, x);
      const F u = V::mul(V::mul(x, V::set(0.79788456080286536f)), V::fma(z, V::set(0.044715f), one));
      return V::fma(h, vector_tanh<V>(u), h);
    }
    case ActivationKind::exp: return vector_exp<V>(x);
    case ActivationKind::abs: return V::abs(x);
    case ActivationKind::negate: return V::neg(x);
    case ActivationKind::sqrt: return V::sqrt(x);
    case ActivationKind::reciprocal: return V::div(one, x);
    case ActivationKind::square: return V::mul(x, x);
  }
  return x;
}
