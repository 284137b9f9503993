// Four floats in plain C++, for CPUs without a vector of their own here. Compilers make SSE2 of it on x86-64.
#pragma once

#include <cmath>
#include <cstdint>

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline
#define FOVEA_VECTOR_LAMBDA __attribute__((always_inline))

namespace fovea::kernels::portable {

struct Vector {
  struct F {
    float v[4];
  };
  static constexpr int kWidth = 4;
  template <class Fn>
  FOVEA_VECTOR_INLINE static F each(Fn fn) {
    return {{fn(0), fn(1), fn(2), fn(3)}};
  }
  // clang-format off
  FOVEA_VECTOR_INLINE static F load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  FOVEA_VECTOR_INLINE static void store(float* p, F x) { for (int i = 0; i < 4; ++i) p[i] = x.v[i]; }
  FOVEA_VECTOR_INLINE static F set(float x) { return {{x, x, x, x}}; }
  FOVEA_VECTOR_INLINE static F add(F a, F b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F sub(F a, F b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F mul(F a, F b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F div(F a, F b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F fma(F a, F b, F c) { return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; }); }
  FOVEA_VECTOR_INLINE static void accumulate(F& acc, F x, F b) { acc = fma(x, b, acc); }
  // As on x86: where one is NaN, the second.
  FOVEA_VECTOR_INLINE static F min(F a, F b) { return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F max(F a, F b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
  FOVEA_VECTOR_INLINE static F sqrt(F a) { return each([&](int i) { return std::sqrt(a.v[i]); }); }
  FOVEA_VECTOR_INLINE static F abs(F a) { return each([&](int i) { return __builtin_fabsf(a.v[i]); }); }
  FOVEA_VECTOR_INLINE static F neg(F a) { return each([&](int i) { return -a.v[i]; }); }
  FOVEA_VECTOR_INLINE static F copy_sign(F a, F s) {
    return each([&](int i) { return __builtin_copysignf(a.v[i], s.v[i]); });
  }
  FOVEA_VECTOR_INLINE static F round(F a) { return each([&](int i) { return std::nearbyint(a.v[i]); }); }
  // clang-format on
  /// x * 2^n for whole n in [-126, 127].
  FOVEA_VECTOR_INLINE static F scale_by_power(F x, F n) {
    return each([&](int i) { return n.v[i] == n.v[i] ? std::ldexp(x.v[i], static_cast<int>(n.v[i])) : n.v[i]; });
  }
  /// The first n floats of a vector, n less than its width; what is beyond reads as 0.
  FOVEA_VECTOR_INLINE static F load_less(const float* p, int64_t n) {
    float lanes[kWidth] = {};
    for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
    return load(lanes);
  }
  FOVEA_VECTOR_INLINE static void store_less(float* p, int64_t n, F x) {
    float lanes[kWidth];
    store(lanes, x);
    for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
  /// a < b ? yes : no
  FOVEA_VECTOR_INLINE static F select_less(F a, F b, F yes, F no) {
    return each([&](int i) { return a.v[i] < b.v[i] ? yes.v[i] : no.v[i]; });
  }
  /// isnan(x) ? yes : no
  FOVEA_VECTOR_INLINE static F select_nan(F x, F yes, F no) {
    return each([&](int i) { return x.v[i] != x.v[i] ? yes.v[i] : no.v[i]; });
  }
};

}  // namespace fovea::kernels::portable
