// Rows of bytes, written once with Highway. Compiled without contraction of a * b + c: each operation rounds for
// itself.
#include "kernels/quantize.h"

#include <cstring>

#include "base/cpu_features.h"
#include "kernels/dispatch.h"
#include "kernels/quantize_isa.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quantize.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FOVEA_VECTOR_INLINE
#define FOVEA_VECTOR_INLINE HWY_INLINE
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"

using V = Vector;
using F = V::F;
using DI = hn::RebindToSigned<V::D>;
using I = hn::Vec<DI>;
using D8 = hn::Rebind<uint8_t, V::D>;

HWY_INLINE I load_bytes(const uint8_t* p, int64_t count) {
  if (count == V::kWidth) return hn::PromoteTo(DI(), hn::LoadU(D8(), p));
  uint8_t buffer[V::kWidth] = {};
  for (int64_t i = 0; i < V::kWidth && i < count; ++i) buffer[i] = p[i];
  return hn::PromoteTo(DI(), hn::LoadU(D8(), buffer));
}
HWY_INLINE void store_bytes(uint8_t* p, int64_t count, I x) {
  const auto bytes = hn::DemoteTo(D8(), x);
  if (count == V::kWidth) {
    hn::StoreU(bytes, D8(), p);
    return;
  }
  uint8_t buffer[V::kWidth];
  hn::StoreU(bytes, D8(), buffer);
  for (int64_t i = 0; i < V::kWidth && i < count; ++i) p[i] = buffer[i];
}
HWY_INLINE I load_ints(const int32_t* p, int64_t count) {
  if (count == V::kWidth) return hn::LoadU(DI(), p);
  int32_t buffer[V::kWidth] = {};
  for (int64_t i = 0; i < V::kWidth && i < count; ++i) buffer[i] = p[i];
  return hn::LoadU(DI(), buffer);
}
HWY_INLINE void store_ints(int32_t* p, int64_t count, I x) {
  if (count == V::kWidth) {
    hn::StoreU(x, DI(), p);
    return;
  }
  int32_t buffer[V::kWidth];
  hn::StoreU(x, DI(), buffer);
  for (int64_t i = 0; i < V::kWidth && i < count; ++i) p[i] = buffer[i];
}

struct Range {
  I zero, low, high;
  explicit HWY_INLINE Range(const ByteRange& r)
      : zero(hn::Set(DI(), r.zero)), low(hn::Set(DI(), r.low)), high(hn::Set(DI(), r.high)) {}
  HWY_INLINE Range(I z, I least, I most) : zero(z), low(least), high(most) {}
  /// Far beyond all bounds lies 2^24: no larger number is converted, and NaN becomes the lowest bound.
  HWY_INLINE I level(F r) const {
    const F far = V::set(16777216.0f);
    // By equality: Highway's inequality is an ordered one on x86, false for NaN.
    r = hn::IfThenElse(hn::Eq(r, r), V::min(far, V::max(V::set(-16777216.0f), r)), V::set(-16777216.0f));
    return hn::Min(high, hn::Max(low, hn::Add(hn::NearestInt(r), zero)));
  }
};

void quantize(const float* x, float scale, const ByteRange& range, uint8_t* y, int64_t n) {
  const Range r(range);
  const F s = V::set(scale);
  for_vectors(n, [&](int64_t i, int64_t count)
                     HWY_ATTR { store_bytes(y + i, count, r.level(V::div(load_some(x + i, count), s))); });
}

void dequantize(const uint8_t* x, int32_t zero, float scale, float* y, int64_t n) {
  const I z = hn::Set(DI(), zero);
  const F s = V::set(scale);
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    store_some(y + i, count, V::mul(hn::ConvertTo(V::D(), hn::Sub(load_bytes(x + i, count), z)), s));
  });
}

void quantize_by_columns(const float* x, const float* scales, const int32_t* zeros, uint8_t* y, int64_t rows,
                         int64_t columns) {
  for_vectors(columns, [&](int64_t j, int64_t n) HWY_ATTR {
    const Range range(load_ints(zeros + j, n), hn::Zero(DI()), hn::Set(DI(), 255));
    const F scale = load_some(scales + j, n, 1.0f);
    for (int64_t i = j; i < rows * columns; i += columns)
      store_bytes(y + i, n, range.level(V::div(load_some(x + i, n), scale)));
  });
}

void dequantize_by_columns(const uint8_t* x, const int32_t* zeros, const float* scales, float* y, int64_t rows,
                           int64_t columns) {
  for_vectors(columns, [&](int64_t j, int64_t n) HWY_ATTR {
    const I zero = load_ints(zeros + j, n);
    const F scale = scales != nullptr ? load_some(scales + j, n) : V::set(1.0f);
    for (int64_t i = j; i < rows * columns; i += columns)
      store_some(y + i, n, V::mul(hn::ConvertTo(V::D(), hn::Sub(load_bytes(x + i, n), zero)), scale));
  });
}

/// Operands are fetched by one of these, so that the loop knows their kind.
struct Bytes {
  const uint8_t* p;
  I zero;
  HWY_INLINE F at(int64_t i, int64_t count) const {
    return hn::ConvertTo(V::D(), hn::Sub(load_bytes(p + i, count), zero));
  }
};
struct Floats {
  const float* p;
  HWY_INLINE F at(int64_t i, int64_t count) const { return load_some(p + i, count); }
};
struct Repeated {
  F value;
  HWY_INLINE F at(int64_t, int64_t) const { return value; }
};

template <class A, class B>
HWY_INLINE void combine(bool product, const A& a, float a_factor, const B& b, float b_factor, const ByteRange& range,
                        uint8_t* bytes, float* floats, int64_t n) {
  const Range r(range);
  const F fa = V::set(a_factor), fb = V::set(b_factor);
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    const F p = a.at(i, count), q = b.at(i, count);
    const F real = product ? V::mul(V::mul(p, q), fa) : V::add(V::mul(p, fa), V::mul(q, fb));
    if (floats != nullptr)
      store_some(floats + i, count, real);
    else
      store_bytes(bytes + i, count, r.level(real));
  });
}

template <class Then>
HWY_INLINE void with_operand(const ByteOperand& o, Then then) {
  if (o.repeats)
    then(Repeated{V::set(o.bytes != nullptr ? static_cast<float>(*o.bytes - o.zero) : *o.floats)});
  else if (o.bytes != nullptr)
    then(Bytes{o.bytes, hn::Set(DI(), o.zero)});
  else
    then(Floats{o.floats});
}

void binary(bool product, const ByteOperand& a, const ByteOperand& b, const ByteRange& range, uint8_t* bytes,
            float* floats, int64_t n) {
  with_operand(a, [&](const auto& p) HWY_ATTR {
    with_operand(b,
                 [&](const auto& q) HWY_ATTR { combine(product, p, a.factor, q, b.factor, range, bytes, floats, n); });
  });
}

HWY_INLINE I load_sums(const int32_t* p, int64_t count) { return load_ints(p, count); }
HWY_INLINE I load_sums(const float* p, int64_t count) { return hn::NearestInt(load_some(p, count)); }

/// The general form: whatever SumsFinish can say.
template <class Sum>
HWY_INLINE void finish(const SumsFinish& f, const Sum* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                       uint8_t* bytes, float* floats, int64_t y_stride) {
  const Range same(f.range);
  const I residual_zero = hn::Set(DI(), f.residual_zero);
  const F residual_scale = V::set(f.residual_scale), y_factor = V::set(f.y_factor);
  const auto stage = [](const ByteStage& s, F r) HWY_ATTR {
    const Range levels(s.range);
    return V::mul(hn::ConvertTo(V::D(), hn::Sub(levels.level(r), levels.zero)), V::set(s.scale));
  };
  const bool has_residual = f.residual_bytes != nullptr || f.residual_floats != nullptr;
  const bool scaled = f.y_factors != nullptr || f.y_factor != 1;
  for_vectors(columns, [&](int64_t j, int64_t n) HWY_ATTR {
    const I correction = load_ints(f.correction + j, n);
    const F multiplier = load_some(f.multiplier + j, n);
    const F offset = f.offset != nullptr ? load_some(f.offset + j, n) : V::set(0.0f);
    const I row_factor = f.row_factors != nullptr ? load_ints(f.row_factors + j, n) : hn::Set(DI(), 1);
    const F factor = f.y_factors != nullptr ? load_some(f.y_factors + j, n) : y_factor;
    const Range range = f.zeros != nullptr
                            ? Range(load_ints(f.zeros + j, n), load_ints(f.lows + j, n), load_ints(f.highs + j, n))
                            : same;
    for (int64_t i = 0; i < rows; ++i) {
      I sum = hn::Add(load_sums(sums + i * sums_stride + j, n), correction);
      if (f.row_terms != nullptr) sum = hn::Add(sum, hn::Mul(hn::Set(DI(), f.row_terms[i]), row_factor));
      F r = V::mul(hn::ConvertTo(V::D(), sum), multiplier);
      if (f.offset != nullptr) r = V::add(r, offset);
      if (f.row_stage.scale != 0) r = V::add(stage(f.row_stage, r), load_some(f.row + j, n));
      if (f.inner_stage.scale != 0) r = stage(f.inner_stage, r);
      F residual = V::set(0.0f);
      if (has_residual) {
        const int64_t at = i * f.residual_stride + j;
        residual = f.residual_bytes != nullptr
                       ? hn::ConvertTo(V::D(), hn::Sub(load_bytes(f.residual_bytes + at, n), residual_zero))
                       : load_some(f.residual_floats + at, n);
        residual = V::mul(residual, residual_scale);
        if (!f.residual_last) r = V::add(r, residual);
      }
      if (f.activation.kind != ActivationKind::none) r = vector_activation<V>(r, f.activation);
      if (has_residual && f.residual_last) r = V::add(r, residual);
      if (floats != nullptr)
        store_some(floats + i * y_stride + j, n, r);
      else
        store_bytes(bytes + i * y_stride + j, n, range.level(scaled ? V::mul(r, factor) : r));
    }
  });
}

void finish_ints(const SumsFinish& f, const int32_t* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 uint8_t* bytes, float* floats, int64_t y_stride) {
  finish(f, sums, sums_stride, rows, columns, bytes, floats, y_stride);
}
void finish_floats(const SumsFinish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                   uint8_t* bytes, float* floats, int64_t y_stride) {
  finish(f, sums, sums_stride, rows, columns, bytes, floats, y_stride);
}

void sum_rows_of_bytes(const uint8_t* x, int64_t rows, int64_t stride, int64_t columns, int32_t* sums) {
  for_vectors(columns, [&](int64_t c, int64_t n) HWY_ATTR {
    I s0 = hn::Zero(DI()), s1 = s0;
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      s0 = hn::Add(s0, load_bytes(x + r * stride + c, n));
      s1 = hn::Add(s1, load_bytes(x + (r + 1) * stride + c, n));
    }
    if (r < rows) s0 = hn::Add(s0, load_bytes(x + r * stride + c, n));
    store_ints(sums + c, n, hn::Add(s0, s1));
  });
}

int64_t sum_all_bytes(const uint8_t* x, int64_t n) {
  const hn::ScalableTag<uint8_t> d;
  const hn::Repartition<uint64_t, decltype(d)> d64;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sums = hn::Zero(d64);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sums = hn::Add(sums, hn::SumsOf8(hn::LoadU(d, x + i)));
  auto total = static_cast<int64_t>(hn::GetLane(hn::SumOfLanes(d64, sums)));
  for (; i < n; ++i) total += x[i];
  return total;
}

void max_windows(const ByteWindows& w, uint8_t* y) {
  const hn::ScalableTag<uint8_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < w.count; ++i, y += w.channels) {
    int64_t c = 0;
    for (; c + lanes <= w.channels; c += lanes) {
      auto most = hn::Zero(d);
      for (int64_t l = 0; l < w.line_count; ++l) {
        const uint8_t* from = w.lines[l] + i * w.step + c;
        for (int64_t t = 0; t < w.taps; ++t) most = hn::Max(most, hn::LoadU(d, from + t * w.tap));
      }
      hn::StoreU(most, d, y + c);
    }
    for (; c < w.channels; ++c) {
      uint8_t most = 0;
      for (int64_t l = 0; l < w.line_count; ++l)
        for (int64_t t = 0; t < w.taps; ++t) {
          const uint8_t x = w.lines[l][i * w.step + t * w.tap + c];
          most = x > most ? x : most;
        }
      y[c] = most;
    }
  }
}

void sum_of_windows(const ByteWindows& w, int32_t* sums) {
  for (int64_t i = 0; i < w.count; ++i, sums += w.channels)
    for_vectors(w.channels, [&](int64_t c, int64_t n) HWY_ATTR {
      I sum = hn::Zero(DI());
      for (int64_t l = 0; l < w.line_count; ++l) {
        const uint8_t* from = w.lines[l] + i * w.step + c;
        for (int64_t t = 0; t < w.taps; ++t) sum = hn::Add(sum, load_bytes(from + t * w.tap, n));
      }
      store_ints(sums + c, n, sum);
    });
}

void interleave(const uint8_t* const* rows, int64_t n, uint32_t* out) {
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<uint8_t, 16> d;
  const hn::Repartition<uint16_t, decltype(d)> d16;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const auto flip = hn::Set(d, 0x80);
  for (; i + 16 <= n; i += 16) {
    const auto row = [&](int r) HWY_ATTR { return hn::Xor(hn::LoadU(d, rows[r] + i), flip); };
    const auto r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const auto low01 = hn::BitCast(d16, hn::InterleaveLower(d, r0, r1)),
               high01 = hn::BitCast(d16, hn::InterleaveUpper(d, r0, r1)),
               low23 = hn::BitCast(d16, hn::InterleaveLower(d, r2, r3)),
               high23 = hn::BitCast(d16, hn::InterleaveUpper(d, r2, r3));
    hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d16, low01, low23)), d32, out + i);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d16, low01, low23)), d32, out + i + 4);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d16, high01, high23)), d32, out + i + 8);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d16, high01, high23)), d32, out + i + 12);
  }
#endif
  for (; i < n; ++i) {
    uint32_t word = 0;
    for (int r = 0; r < 4; ++r) word |= uint32_t{static_cast<uint8_t>(rows[r][i] ^ 0x80)} << (8 * r);
    out[i] = word;
  }
}

void bounds_of(const float* x, int64_t n, float* least, float* most) {
  F low = V::set(0.0f), high = low;
  for_vectors(n, [&](int64_t i, int64_t count) HWY_ATTR {
    const F v = load_some(x + i, count);
    const F number = hn::IfThenElse(hn::Eq(v, v), v, V::set(0.0f));
    low = V::min(low, number);
    high = V::max(high, number);
  });
  *most = V::largest(high);
  *least = -V::largest(V::neg(low));
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(quantize);
HWY_EXPORT(dequantize);
HWY_EXPORT(quantize_by_columns);
HWY_EXPORT(dequantize_by_columns);
HWY_EXPORT(binary);
HWY_EXPORT(finish_ints);
HWY_EXPORT(finish_floats);
HWY_EXPORT(sum_rows_of_bytes);
HWY_EXPORT(sum_all_bytes);
HWY_EXPORT(max_windows);
HWY_EXPORT(sum_of_windows);
HWY_EXPORT(interleave);
HWY_EXPORT(bounds_of);
}  // namespace

void quantize_row(const float* x, float scale, const ByteRange& range, uint8_t* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(quantize)(x, scale, range, y, n);
}
void dequantize_row(const uint8_t* x, int32_t zero, float scale, float* y, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(dequantize)(x, zero, scale, y, n);
}
void quantize_columns(const float* x, const float* scales, const int32_t* zeros, uint8_t* y, int64_t rows,
                      int64_t columns) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(quantize_by_columns)(x, scales, zeros, y, rows, columns);
}
void dequantize_columns(const uint8_t* x, const int32_t* zeros, const float* scales, float* y, int64_t rows,
                        int64_t columns) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(dequantize_by_columns)(x, zeros, scales, y, rows, columns);
}
#if defined(__x86_64__) && defined(FOVEA_AVX512)
static bool has_vbmi() {
  static const bool has = active_isa() == Isa::avx512 && __builtin_cpu_supports("avx512vbmi") != 0;
  return has;
}
#endif

void lookup_row(const uint8_t* x, const uint8_t* table, uint8_t* y, int64_t n) {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  if (has_vbmi()) return avx512::lookup_bytes(x, table, y, n);
#endif
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {  // eight at a time: one load and one store
    uint64_t from, to = 0;
    std::memcpy(&from, x + i, 8);
    for (int k = 0; k < 64; k += 8) to |= uint64_t{table[from >> k & 255]} << k;
    std::memcpy(y + i, &to, 8);
  }
  for (; i < n; ++i) y[i] = table[x[i]];
}
void binary_bytes(bool product, const ByteOperand& a, const ByteOperand& b, const ByteRange& range, uint8_t* bytes,
                  float* floats, int64_t n) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(binary)(product, a, b, range, bytes, floats, n);
}
/// The last step of bytes, where the kernel did not do it.
static void look_up(const SumsFinish& f, int64_t rows, int64_t columns, uint8_t* bytes, int64_t y_stride) {
  if (f.table == nullptr || bytes == nullptr) return;
  for (int64_t i = 0; i < rows; ++i) lookup_row(bytes + i * y_stride, f.table, bytes + i * y_stride, columns);
}

#if defined(__x86_64__) && defined(FOVEA_AVX512)
/// Whether the AVX-512 kernel knows all that this one asks for.
static bool is_plain(const SumsFinish& f, const uint8_t* bytes) {
  return bytes != nullptr && f.bounded && f.activation.kind == ActivationKind::none && f.y_factor == 1 &&
         f.y_factors == nullptr && f.residual_floats == nullptr && active_isa() == Isa::avx512;
}
#endif

template <class Sum>
static bool finish_plain(const SumsFinish& f, const Sum* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                         uint8_t* bytes, int64_t y_stride) {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  if (!is_plain(f, bytes)) return false;
  if (f.table == nullptr || has_vbmi()) {
    avx512::finish_bytes(f, sums, sums_stride, rows, columns, bytes, y_stride);
  } else {
    SumsFinish without = f;
    without.table = nullptr;
    avx512::finish_bytes(without, sums, sums_stride, rows, columns, bytes, y_stride);
    look_up(f, rows, columns, bytes, y_stride);
  }
  return true;
#else
  return false;
#endif
}

void finish_sums(const SumsFinish& f, const int32_t* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 uint8_t* bytes, float* floats, int64_t y_stride) {
  if (finish_plain(f, sums, sums_stride, rows, columns, bytes, y_stride)) return;
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(finish_ints)(f, sums, sums_stride, rows, columns, bytes, floats, y_stride);
  look_up(f, rows, columns, bytes, y_stride);
}
void finish_sums(const SumsFinish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 uint8_t* bytes, float* floats, int64_t y_stride) {
  if (finish_plain(f, sums, sums_stride, rows, columns, bytes, y_stride)) return;
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(finish_floats)(f, sums, sums_stride, rows, columns, bytes, floats, y_stride);
  look_up(f, rows, columns, bytes, y_stride);
}
void sum_byte_rows(const uint8_t* x, int64_t rows, int64_t stride, int64_t columns, int32_t* sums) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(sum_rows_of_bytes)(x, rows, stride, columns, sums);
}
int64_t sum_bytes(const uint8_t* x, int64_t n) {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(sum_all_bytes)(x, n);
}
void max_of_windows(const ByteWindows& w, uint8_t* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(max_windows)(w, y);
}
void sum_windows(const ByteWindows& w, int32_t* sums) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(sum_of_windows)(w, sums);
}
void interleave_signed(const uint8_t* const* rows, int64_t n, uint32_t* out) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(interleave)(rows, n, out);
}
void least_and_most(const float* x, int64_t n, float* least, float* most) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(bounds_of)(x, n, least, most);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
