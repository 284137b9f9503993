// The one-dimensional transforms of Winograd's filtering, on vectors of channels. Included inside HWY_NAMESPACE of
// winograd.cc; no include guard, as each target needs its own copy.
//
// For points p_i and M(x) = prod (x - p_i), input row i is M(x) / (x - p_i) by powers of x, the last one M(x); the
// weights' row is (1, p, p^2) / M'(p), the last one (0, 0, 1); output k is the sum of p_i^k times product i, and the
// last product belongs to the last output alone.

/// Points 0, 1, -1.
struct WinogradTwo {
  static constexpr int kSize = 2, kSpan = 4;
  HWY_INLINE static void input(const V::F* d, V::F* o) {
    o[0] = V::sub(d[2], d[0]);
    o[1] = V::add(d[2], d[1]);
    o[2] = V::sub(d[2], d[1]);
    o[3] = V::sub(d[3], d[1]);
  }
  HWY_INLINE static void output(const V::F* m, V::F* y) {
    y[0] = V::add(m[0], V::add(m[1], m[2]));
    y[1] = V::add(m[3], V::sub(m[1], m[2]));
  }
};

/// Points 0, a, -a, b, -b with a = sqrt(1/2), b = sqrt(2): M(x) = x^5 - 5/2 x^3 + x.
struct WinogradFour {
  static constexpr int kSize = 4, kSpan = 6;
  static constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;
  HWY_INLINE static void input(const V::F* d, V::F* o) {
    const V::F a = V::set(kA), b = V::set(kB), most = V::set(-2.5f);
    o[0] = V::fma(most, d[2], V::add(d[0], d[4]));
    o[5] = V::fma(most, d[3], V::add(d[1], d[5]));
    const V::F even_a = V::fma(V::set(-2.0f), d[2], d[4]), odd_a = V::mul(a, V::fma(V::set(-2.0f), d[1], d[3]));
    o[1] = V::add(even_a, odd_a);
    o[2] = V::sub(even_a, odd_a);
    const V::F even_b = V::fma(V::set(-0.5f), d[2], d[4]), odd_b = V::mul(b, V::fma(V::set(-0.5f), d[1], d[3]));
    o[3] = V::add(even_b, odd_b);
    o[4] = V::sub(even_b, odd_b);
  }
  HWY_INLINE static void output(const V::F* m, V::F* y) {
    const V::F sum_a = V::add(m[1], m[2]), sum_b = V::add(m[3], m[4]);
    const V::F dif_a = V::mul(V::set(kA), V::sub(m[1], m[2])), dif_b = V::mul(V::set(kB), V::sub(m[3], m[4]));
    y[0] = V::add(m[0], V::add(sum_a, sum_b));
    y[1] = V::add(dif_a, dif_b);
    y[2] = V::fma(V::set(0.5f), sum_a, V::mul(V::set(2.0f), sum_b));
    y[3] = V::fma(V::set(0.5f), dif_a, V::fma(V::set(2.0f), dif_b, m[5]));
  }
};

/// Points 0, a, -a, b, -b, c, -c with a = 1/2, b = 1, c = 2: M(x) = x (x^2 - A) (x^2 - B) (x^2 - C) with A = a^2, B =
/// b^2, C = c^2.
struct WinogradSix {
  static constexpr int kSize = 6, kSpan = 8;
  static constexpr float kA = 0.5f, kB = 1.0f, kC = 2.0f;
  static constexpr float kA2 = kA * kA, kB2 = kB * kB, kC2 = kC * kC;
  static constexpr float kSum = kA2 + kB2 + kC2, kPairs = kA2 * kB2 + kA2 * kC2 + kB2 * kC2, kAll = kA2 * kB2 * kC2;

  /// d6 - (q + r) d4 + q r d2, or the like of odd places.
  HWY_INLINE static V::F pair(float q, float r, V::F low, V::F middle, V::F high) {
    return V::fma(V::set(q * r), low, V::fma(V::set(-(q + r)), middle, high));
  }
  HWY_INLINE static V::F whole(V::F d0, V::F d2, V::F d4, V::F d6) {
    return V::fma(V::set(-kAll), d0, V::fma(V::set(kPairs), d2, V::fma(V::set(-kSum), d4, d6)));
  }
  HWY_INLINE static void both(float p, float q, float r, const V::F* d, V::F* o) {
    const V::F even = pair(q, r, d[2], d[4], d[6]), odd = V::mul(V::set(p), pair(q, r, d[1], d[3], d[5]));
    o[0] = V::add(even, odd);
    o[1] = V::sub(even, odd);
  }
  HWY_INLINE static void input(const V::F* d, V::F* o) {
    o[0] = whole(d[0], d[2], d[4], d[6]);
    both(kA, kB2, kC2, d, o + 1);
    both(kB, kA2, kC2, d, o + 3);
    both(kC, kA2, kB2, d, o + 5);
    o[7] = whole(d[1], d[3], d[5], d[7]);
  }
  HWY_INLINE static V::F sum(float p, float q, float r, V::F x, V::F y, V::F z) {
    return V::fma(V::set(p), x, V::fma(V::set(q), y, V::mul(V::set(r), z)));
  }
  HWY_INLINE static void output(const V::F* m, V::F* y) {
    const V::F sum_a = V::add(m[1], m[2]), sum_b = V::add(m[3], m[4]), sum_c = V::add(m[5], m[6]);
    const V::F dif_a = V::mul(V::set(kA), V::sub(m[1], m[2])), dif_b = V::mul(V::set(kB), V::sub(m[3], m[4])),
               dif_c = V::mul(V::set(kC), V::sub(m[5], m[6]));
    y[0] = V::add(V::add(m[0], sum_a), V::add(sum_b, sum_c));
    y[1] = V::add(dif_a, V::add(dif_b, dif_c));
    y[2] = sum(kA2, kB2, kC2, sum_a, sum_b, sum_c);
    y[3] = sum(kA2, kB2, kC2, dif_a, dif_b, dif_c);
    y[4] = sum(kA2 * kA2, kB2 * kB2, kC2 * kC2, sum_a, sum_b, sum_c);
    y[5] = V::add(m[7], sum(kA2 * kA2, kB2 * kB2, kC2 * kC2, dif_a, dif_b, dif_c));
  }
};
