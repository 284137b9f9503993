#include "kernels/bf16_rows.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bf16_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_bf16.inc.h"

constexpr auto kWidth = static_cast<int64_t>(hb::MaxLanes(WideFloat()));

HWY_INLINE float widened(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float wide;
  __builtin_memcpy(&wide, &bits, sizeof(wide));
  return wide;
}

void add_bf16_rows(const uint16_t* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y) {
  const WideFloat d;
  int64_t c = 0;
  for (; c + kWidth <= columns; c += kWidth) {
    auto s0 = hb::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    int64_t r = 0;
    for (const uint16_t* at = x + c; r + 4 <= rows; r += 4, at += 4 * stride) {
      s0 = hb::Add(s0, load_bf16(at));
      s1 = hb::Add(s1, load_bf16(at + stride));
      s2 = hb::Add(s2, load_bf16(at + 2 * stride));
      s3 = hb::Add(s3, load_bf16(at + 3 * stride));
    }
    for (; r < rows; ++r) s0 = hb::Add(s0, load_bf16(x + r * stride + c));
    hb::StoreU(hb::Mul(hb::Add(hb::Add(s0, s1), hb::Add(s2, s3)), hb::Set(d, factor)), d, y + c);
  }
  for (; c < columns; ++c) {
    float sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += widened(x[r * stride + c]);
    y[c] = sum * factor;
  }
}

void scale_bf16_rows(const uint16_t* x, int64_t rows, int64_t columns, const float* factors, uint16_t* y) {
  const WideFloat d;
  const int64_t whole = columns / kWidth * kWidth, rest = columns - whole;
  for (int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    for (int64_t c = 0; c < whole; c += kWidth) store_bf16(y + c, hb::Mul(load_bf16(x + c), hb::LoadU(d, factors + c)));
    if (rest == 0) continue;
    float product[kWidth] = {};
    uint16_t rounded[kWidth];
    for (int64_t i = 0; i < rest; ++i) product[i] = widened(x[whole + i]) * factors[whole + i];
    store_bf16(rounded, hb::LoadU(d, product));
    for (int64_t i = 0; i < rest; ++i) y[whole + i] = rounded[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(add_bf16_rows);
HWY_EXPORT(scale_bf16_rows);

const uint16_t* bits(const bf16* x) { return reinterpret_cast<const uint16_t*>(x); }
}  // namespace

void sum_rows(const bf16* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(add_bf16_rows)(bits(x), rows, stride, columns, factor, y);
}
void scale_columns(const bf16* x, int64_t rows, int64_t columns, const float* factors, bf16* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(scale_bf16_rows)(bits(x), rows, columns, factors, reinterpret_cast<uint16_t*>(y));
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
