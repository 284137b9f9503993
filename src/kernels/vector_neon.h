// Four floats of 64-bit Arm's NEON.
#pragma once

#include <cstdint>

#include <arm_neon.h>

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline
#define FOVEA_VECTOR_LAMBDA __attribute__((always_inline))

namespace fovea::kernels::neon {

struct Vector {
  using F = float32x4_t;
  static constexpr int kWidth = 4;
  // clang-format off
  FOVEA_VECTOR_INLINE static F load(const float* p) { return vld1q_f32(p); }
  FOVEA_VECTOR_INLINE static void store(float* p, F x) { vst1q_f32(p, x); }
  FOVEA_VECTOR_INLINE static F set(float x) { return vdupq_n_f32(x); }
  FOVEA_VECTOR_INLINE static F add(F a, F b) { return vaddq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F sub(F a, F b) { return vsubq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F mul(F a, F b) { return vmulq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F div(F a, F b) { return vdivq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  FOVEA_VECTOR_INLINE static void accumulate(F& acc, F x, F b) { acc = fma(x, b, acc); }
  FOVEA_VECTOR_INLINE static F min(F a, F b) { return vminq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F max(F a, F b) { return vmaxq_f32(a, b); }
  FOVEA_VECTOR_INLINE static F sqrt(F a) { return vsqrtq_f32(a); }
  FOVEA_VECTOR_INLINE static F abs(F a) { return vabsq_f32(a); }
  FOVEA_VECTOR_INLINE static F neg(F a) { return vnegq_f32(a); }
  FOVEA_VECTOR_INLINE static F copy_sign(F a, F sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, a);
  }
  FOVEA_VECTOR_INLINE static F round(F a) { return vrndnq_f32(a); }
  // clang-format on
  /// x * 2^n for whole n in [-126, 127].
  FOVEA_VECTOR_INLINE static F scale_by_power(F x, F n) {
    return mul(x, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23)));
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
  FOVEA_VECTOR_INLINE static F select_less(F a, F b, F yes, F no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
  /// isnan(x) ? yes : no
  FOVEA_VECTOR_INLINE static F select_nan(F x, F yes, F no) { return vbslq_f32(vceqq_f32(x, x), no, yes); }
};

}  // namespace fovea::kernels::neon
