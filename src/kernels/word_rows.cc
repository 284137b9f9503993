#include "kernels/word_rows.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/word_rows.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_bf16.inc.h"

constexpr auto kWidth = static_cast<int64_t>(hb::MaxLanes(WideFloat()));

/// step(i) for whole vectors, rest(i, count) for what is left.
template <class Step, class Rest>
HWY_INLINE void for_row(int64_t n, Step step, Rest rest) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) step(i);
  if (i < n) rest(i, n - i);
}

HWY_INLINE hb::Vec<WideWord> paired(hb::Vec<WideWord> low, hb::Vec<WideWord> high) {
  return hb::Or(low, hb::And(high, hb::Set(WideWord(), 0xffff0000u)));
}

void pair_f32(const float* even, const float* odd, int64_t n, uint32_t* words) {
  const WideWord du;
  const auto step = [&](const float* low, const float* high, uint32_t* to) HWY_ATTR {
    const auto upper = high == nullptr ? hb::Zero(du) : rounded_bf16(hb::LoadU(WideFloat(), high));
    hb::StoreU(paired(hb::ShiftRight<16>(rounded_bf16(hb::LoadU(WideFloat(), low))), upper), du, to);
  };
  for_row(
      n, [&](int64_t i) HWY_ATTR { step(even + i, odd ? odd + i : nullptr, words + i); },
      [&](int64_t i, int64_t count) HWY_ATTR {
        float low[kWidth] = {}, high[kWidth] = {};
        uint32_t made[kWidth];
        for (int64_t j = 0; j < count; ++j) low[j] = even[i + j], high[j] = odd ? odd[i + j] : 0;
        step(low, high, made);
        for (int64_t j = 0; j < count; ++j) words[i + j] = made[j];
      });
}

void pair_bf16(const uint16_t* even, const uint16_t* odd, int64_t n, uint32_t* words) {
  const WideWord du;
  for_row(
      n,
      [&](int64_t i) HWY_ATTR {
        const auto low = hb::PromoteTo(du, hb::LoadU(BriefWord(), even + i));
        const auto high = odd ? hb::PromoteTo(du, hb::LoadU(BriefWord(), odd + i)) : hb::Zero(du);
        hb::StoreU(hb::Or(low, hb::ShiftLeft<16>(high)), du, words + i);
      },
      [&](int64_t i, int64_t count) {
        for (int64_t j = i; j < i + count; ++j) words[j] = even[j] | static_cast<uint32_t>(odd ? odd[j] : 0) << 16;
      });
}

void narrow(const float* x, int64_t n, uint16_t* y) {
  for_row(
      n, [&](int64_t i) HWY_ATTR { store_bf16(y + i, hb::LoadU(WideFloat(), x + i)); },
      [&](int64_t i, int64_t count) HWY_ATTR {
        float from[kWidth] = {};
        uint16_t to[kWidth];
        for (int64_t j = 0; j < count; ++j) from[j] = x[i + j];
        store_bf16(to, hb::LoadU(WideFloat(), from));
        for (int64_t j = 0; j < count; ++j) y[i + j] = to[j];
      });
}

void widen(const uint16_t* x, int64_t n, float* y) {
  for_row(
      n, [&](int64_t i) HWY_ATTR { hb::StoreU(load_bf16(x + i), WideFloat(), y + i); },
      [&](int64_t i, int64_t count) HWY_ATTR {
        uint16_t from[kWidth] = {};
        float to[kWidth];
        for (int64_t j = 0; j < count; ++j) from[j] = x[i + j];
        hb::StoreU(load_bf16(from), WideFloat(), to);
        for (int64_t j = 0; j < count; ++j) y[i + j] = to[j];
      });
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(pair_f32);
HWY_EXPORT(pair_bf16);
HWY_EXPORT(narrow);
HWY_EXPORT(widen);

const uint16_t* bits(const bf16* x) { return reinterpret_cast<const uint16_t*>(x); }
}  // namespace

void pair_rows(const float* even, const float* odd, int64_t n, uint32_t* words) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(pair_f32)(even, odd, n, words);
}
void pair_rows(const bf16* even, const bf16* odd, int64_t n, uint32_t* words) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(pair_bf16)(bits(even), bits(odd), n, words);
}
void narrow_row(const float* x, int64_t n, bf16* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(narrow)(x, n, reinterpret_cast<uint16_t*>(y));
}
void widen_row(const bf16* x, int64_t n, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(widen)(bits(x), n, y);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
