// Floats of whatever Highway compiles for, in the form that vector_math.inc.h asks for. Included inside
// HWY_NAMESPACE of a file that uses foreach_target; no include guard, as each target needs its own copy.

namespace hn = hwy::HWY_NAMESPACE;

struct Vector {
  using D = hn::CappedTag<float, 16>;
  using F = hn::Vec<D>;
  static constexpr int kWidth = static_cast<int>(hn::MaxLanes(D()));
  // clang-format off
  FOVEA_VECTOR_INLINE static F load(const float* p) { return hn::LoadU(D(), p); }
  FOVEA_VECTOR_INLINE static void store(float* p, F x) { hn::StoreU(x, D(), p); }
  FOVEA_VECTOR_INLINE static F set(float x) { return hn::Set(D(), x); }
  FOVEA_VECTOR_INLINE static F add(F a, F b) { return hn::Add(a, b); }
  FOVEA_VECTOR_INLINE static F sub(F a, F b) { return hn::Sub(a, b); }
  FOVEA_VECTOR_INLINE static F mul(F a, F b) { return hn::Mul(a, b); }
  FOVEA_VECTOR_INLINE static F div(F a, F b) { return hn::Div(a, b); }
  FOVEA_VECTOR_INLINE static F fma(F a, F b, F c) { return hn::MulAdd(a, b, c); }
  // Where one operand is NaN, targets differ in which one they give.
  FOVEA_VECTOR_INLINE static F min(F a, F b) { return hn::Min(a, b); }
  FOVEA_VECTOR_INLINE static F max(F a, F b) { return hn::Max(a, b); }
  FOVEA_VECTOR_INLINE static F sqrt(F a) { return hn::Sqrt(a); }
  FOVEA_VECTOR_INLINE static F abs(F a) { return hn::Abs(a); }
  FOVEA_VECTOR_INLINE static F neg(F a) { return hn::Neg(a); }
  FOVEA_VECTOR_INLINE static F copy_sign(F a, F sign) { return hn::CopySign(a, sign); }
  FOVEA_VECTOR_INLINE static F round(F a) { return hn::Round(a); }
  // clang-format on
  /// x * 2^n for whole n in [-126, 127]; NaN where both are.
  FOVEA_VECTOR_INLINE static F scale_by_power(F x, F n) {
    const hn::RebindToSigned<D> di;
#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
    n = hn::IfThenZeroElse(hn::Ne(n, n), n);  // instructions make some number of a NaN, plain C++ need not
#endif
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
    return hn::Mul(x, hn::BitCast(D(), exponent));
  }
  /// a < b ? yes : no
  FOVEA_VECTOR_INLINE static F select_less(F a, F b, F yes, F no) { return hn::IfThenElse(hn::Lt(a, b), yes, no); }
  /// isnan(x) ? yes : no
  FOVEA_VECTOR_INLINE static F select_nan(F x, F yes, F no) { return hn::IfThenElse(hn::IsNaN(x), yes, no); }
  FOVEA_VECTOR_INLINE static float sum(F a) { return hn::GetLane(hn::SumOfLanes(D(), a)); }
  FOVEA_VECTOR_INLINE static float largest(F a) {
#if HWY_TARGET == HWY_EMU128
    // Highway's starts at the lowest finite number: too much where all are -infinity.
    float lanes[kWidth];
    store(lanes, a);
    for (int i = 1; i < kWidth; ++i) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
#else
    return hn::GetLane(hn::MaxOfLanes(D(), a));
#endif
  }
};

/// Calls step(offset, count) for vectors of [0, n), the last one possibly narrower.
template <class Step>
FOVEA_VECTOR_INLINE void for_vectors(int64_t n, Step step) {
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) step(i, int64_t{Vector::kWidth});
  if (i < n) step(i, n - i);
}
/// The first `count` floats; what is beyond reads as `other`.
FOVEA_VECTOR_INLINE Vector::F load_some(const float* p, int64_t count, float other = 0.0f) {
  if (count == Vector::kWidth) return Vector::load(p);
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
  const auto valid = hn::FirstN(Vector::D(), static_cast<size_t>(count));
  return hn::IfThenElse(valid, hn::MaskedLoad(valid, Vector::D(), p), Vector::set(other));
#else
  float buffer[Vector::kWidth];
  for (int64_t i = 0; i < Vector::kWidth; ++i) buffer[i] = i < count ? p[i] : other;
  return Vector::load(buffer);
#endif
}
FOVEA_VECTOR_INLINE void store_some(float* p, int64_t count, Vector::F x) {
  if (count == Vector::kWidth) {
    Vector::store(p, x);
    return;
  }
#if !HWY_MEM_OPS_MIGHT_FAULT
  hn::BlendedStore(x, hn::FirstN(Vector::D(), static_cast<size_t>(count)), Vector::D(), p);
#else
  float buffer[Vector::kWidth];
  Vector::store(buffer, x);
  for (int64_t i = 0; i < count; ++i) p[i] = buffer[i];
#endif
}
