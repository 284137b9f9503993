// Row functions, written once with Highway.
#include "kernels/elementwise.h"

#include <cmath>
#include <limits>

#include "base/cpu_features.h"
#include "kernels/dispatch.h"
#include "kernels/finish_isa.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FOVEA_VECTOR_INLINE
#define FOVEA_VECTOR_INLINE HWY_INLINE
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_bf16.inc.h"
#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"
#include "kernels/vector_rows.inc.h"

using V = Vector;

void activate_row(const Activation& activation, const float* x, float* y, int64_t n) {
  const Activation act = activation;  // a copy, so that the compiler knows that y does not change it
  for_vectors(n, [&](int64_t i, int64_t count)
                     HWY_ATTR { store_some(y + i, count, vector_activation<V>(load_some(x + i, count, 1.0f), act)); });
}

template <class Numbers>
HWY_INLINE void gate_numbers(const Activation act, const void* a, const void* b, void* y, int64_t n) {
  const auto load = [](const void* p, int64_t i, int64_t count) HWY_ATTR {
    return Numbers::load(static_cast<const std::byte*>(p) + i * Numbers::kBytes, count);
  };
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    const V::F open = vector_activation<V>(load(a, i, count), act);
    Numbers::store(static_cast<std::byte*>(y) + i * Numbers::kBytes, count, V::mul(open, load(b, i, count)));
  });
}

void gate(const Activation& act, const void* a, const void* b, void* y, int64_t n, bool bf16) {
  bf16 ? gate_numbers<Bf16Rows>(act, a, b, y, n) : gate_numbers<F32Rows>(act, a, b, y, n);
}

template <class Fn>
HWY_INLINE void map_rows(const float* a, bool a_repeats, const float* b, bool b_repeats, float* y, int64_t n, Fn fn) {
  if (a_repeats) {
    const V::F first = V::set(*a);
    for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
      store_some(y + i, count, fn(first, b_repeats ? V::set(*b) : load_some(b + i, count, 1.0f)));
    });
  } else if (b_repeats) {
    const V::F second = V::set(*b);
    for_vectors(
        n, [&](int64_t i, int64_t count) HWY_ATTR { store_some(y + i, count, fn(load_some(a + i, count), second)); });
  } else {
    for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
      store_some(y + i, count, fn(load_some(a + i, count), load_some(b + i, count, 1.0f)));
    });
  }
}

void binary_row(BinaryKind kind, const float* a, bool ra, const float* b, bool rb, float* y, int64_t n) {
  using F = V::F;
  switch (kind) {
    case BinaryKind::add: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::add(p, q); });
    case BinaryKind::sub: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::sub(p, q); });
    case BinaryKind::mul: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::mul(p, q); });
    case BinaryKind::div: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::div(p, q); });
    case BinaryKind::min: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::min(p, q); });
    case BinaryKind::max: return map_rows(a, ra, b, rb, y, n, [](F p, F q) HWY_ATTR { return V::max(p, q); });
  }
}

void softmax(const float* x, float* y, int64_t n) {
  V::F top = V::set(-std::numeric_limits<float>::infinity());
  for_vectors(n, [&](int64_t i, int64_t count)
                     HWY_ATTR { top = V::max(top, load_some(x + i, count, -std::numeric_limits<float>::infinity())); });
  const V::F most = V::set(V::largest(top));
  V::F total = V::set(0.0f);
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    const V::F e = vector_exp<V>(V::sub(load_some(x + i, count, -std::numeric_limits<float>::infinity()), most));
    store_some(y + i, count, e);
    total = V::add(total, e);
  });
  const V::F factor = V::set(1.0f / V::sum(total));
  for_vectors(
      n, [&](int64_t i, int64_t count) HWY_ATTR { store_some(y + i, count, V::mul(load_some(y + i, count), factor)); });
}

HWY_INLINE float row_sum(const float* x, int64_t n) {
  // Four sums: the addition's latency does not show, and partial sums stay small.
  V::F s0 = V::set(0.0f), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  constexpr int64_t w = V::kWidth;
  for (; i + 4 * w <= n; i += 4 * w) {
    s0 = V::add(s0, V::load(x + i));
    s1 = V::add(s1, V::load(x + i + w));
    s2 = V::add(s2, V::load(x + i + 2 * w));
    s3 = V::add(s3, V::load(x + i + 3 * w));
  }
  for (; i < n; i += w) s0 = V::add(s0, load_some(x + i, n - i < w ? n - i : w));
  return V::sum(V::add(V::add(s0, s1), V::add(s2, s3)));
}

/// Sum of (x - mean)^2.
float row_deviation(const float* x, float mean, int64_t n) {
  const V::F m = V::set(mean);
  V::F s0 = V::set(0.0f), s1 = s0;
  int64_t i = 0;
  constexpr int64_t w = V::kWidth;
  for (; i + 2 * w <= n; i += 2 * w) {
    const V::F a = V::sub(V::load(x + i), m), b = V::sub(V::load(x + i + w), m);
    s0 = V::fma(a, a, s0);
    s1 = V::fma(b, b, s1);
  }
  for (; i < n; i += w) {
    const V::F a = V::sub(load_some(x + i, n - i < w ? n - i : w, mean), m);
    s0 = V::fma(a, a, s0);
  }
  return V::sum(V::add(s0, s1));
}

HWY_INLINE void normalise(const float* x, float mean, float factor, const float* scale, const float* bias, float* y,
                          int64_t n) {
  const V::F f = V::set(factor), m = V::set(mean), zero = V::set(0.0f);
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    const V::F centred = V::mul(V::sub(load_some(x + i, count), m), f);
    store_some(y + i, count, V::fma(centred, load_some(scale + i, count), bias ? load_some(bias + i, count) : zero));
  });
}

void layer_norm(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t n) {
  const float mean = row_sum(x, n) / static_cast<float>(n);
  const float variance = row_deviation(x, mean, n) / static_cast<float>(n);
  normalise(x, mean, 1.0f / std::sqrt(variance + epsilon), scale, bias, y, n);
}

void rms_norm(const float* x, const float* scale, float epsilon, float* y, int64_t n) {
  const float square = row_deviation(x, 0.0f, n) / static_cast<float>(n);
  normalise(x, 0.0f, 1.0f / std::sqrt(square + epsilon), scale, nullptr, y, n);
}

void add_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y) {
  const V::F f = V::set(factor);
  for_vectors(columns, [&](int64_t c, int64_t count) HWY_ATTR {
    V::F s0 = V::set(0.0f), s1 = s0;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      s0 = V::add(s0, load_some(x + r * stride + c, count));
      s1 = V::add(s1, load_some(x + (r + 1) * stride + c, count));
    }
    if (r < rows) s0 = V::add(s0, load_some(x + r * stride + c, count));
    store_some(y + c, count, V::mul(V::add(s0, s1), f));
  });
}

float add_all(const float* x, int64_t n, float factor) { return row_sum(x, n) * factor; }

void add_square_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y) {
  for_vectors(columns, [&](int64_t c, int64_t count) HWY_ATTR {
    V::F s0 = V::set(0.0f), s1 = s0;
    for (int64_t r = 0; r < rows; ++r) {
      const V::F a = load_some(x + r * stride + c, count);
      (r % 2 == 0 ? s0 : s1) = V::fma(a, a, r % 2 == 0 ? s0 : s1);
    }
    store_some(y + c, count, V::add(s0, s1));
  });
}

void scale_shift(const float* x, float scale, float shift, float* y, int64_t n) {
  const V::F a = V::set(scale), b = V::set(shift);
  for_vectors(
      n, [&](int64_t i, int64_t count) HWY_ATTR { store_some(y + i, count, V::fma(load_some(x + i, count), a, b)); });
}

void columns_softmax(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y) {
  for_vectors(columns, [&](int64_t c, int64_t count) HWY_ATTR {
    V::F most = load_some(x + c, count);
    for (int64_t r = 1; r < rows; ++r) most = V::max(most, load_some(x + r * stride + c, count));
    V::F total = V::set(0.0f);
    for (int64_t r = 0; r < rows; ++r) {
      const V::F e = vector_exp<V>(V::sub(load_some(x + r * stride + c, count), most));
      total = V::add(total, e);
      store_some(y + r * stride + c, count, e);
    }
    const V::F factor = V::div(V::set(1.0f), total);
    for (int64_t r = 0; r < rows; ++r)
      store_some(y + r * stride + c, count, V::mul(load_some(y + r * stride + c, count), factor));
  });
}

const char* elementwise_isa() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(activate_row);
HWY_EXPORT(gate);
HWY_EXPORT(binary_row);
HWY_EXPORT(softmax);
HWY_EXPORT(layer_norm);
HWY_EXPORT(rms_norm);
HWY_EXPORT(add_rows);
HWY_EXPORT(add_all);
HWY_EXPORT(add_square_rows);
HWY_EXPORT(row_deviation);
HWY_EXPORT(scale_shift);
HWY_EXPORT(columns_softmax);
HWY_EXPORT(elementwise_isa);
}  // namespace

void activate(const Activation& activation, const float* x, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(activate_row)(activation, x, y, n);
}
void gate_row(const Activation& activation, const float* a, const float* b, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(gate)(activation, a, b, y, n, false);
}
void gate_row(const Activation& activation, const bf16* a, const bf16* b, bf16* y, int64_t n) {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  static const bool rounds = active_isa() == Isa::avx512 && cpu_features().avx512_bf16;
  if (rounds && avx512::gate_bf16_row(activation, a, b, y, n)) return;
#endif
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(gate)(activation, a, b, y, n, true);
}
void binary(BinaryKind kind, const float* a, bool a_repeats, const float* b, bool b_repeats, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(binary_row)(kind, a, a_repeats, b, b_repeats, y, n);
}
void softmax_row(const float* x, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(softmax)(x, y, n);
}
void layer_norm_row(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(layer_norm)(x, scale, bias, epsilon, y, n);
}
void rms_norm_row(const float* x, const float* scale, float epsilon, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(rms_norm)(x, scale, epsilon, y, n);
}
void sum_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(add_rows)(x, rows, stride, columns, factor, y);
}
void sum_square_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(add_square_rows)(x, rows, stride, columns, y);
}
float sum_squares(const float* x, float shift, int64_t n) {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(row_deviation)(x, shift, n);
}
void scale_shift_row(const float* x, float scale, float shift, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(scale_shift)(x, scale, shift, y, n);
}
void softmax_columns(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(columns_softmax)(x, rows, stride, columns, y);
}
float sum(const float* x, int64_t n, float factor) {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(add_all)(x, n, factor);
}
const char* elementwise_target() {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(elementwise_isa)();
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
