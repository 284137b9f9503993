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

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<D>;

/// bf16(x) in the upper half of each word, whose lower half is not cleared.
HWY_INLINE hn::Vec<DU> rounded(hn::Vec<D> x) {
  const DU du;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto up = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
  // Rounding might carry a NaN's payload away.
  return hn::IfThenElse(hn::RebindMask(du, hn::Ne(x, x)), hn::Set(du, 0x7fc00000), up);
}

void pair(const float* even, const float* odd, int64_t n, uint32_t* words) {
  const D d;
  const DU du;
  constexpr auto kWidth = static_cast<int64_t>(hn::MaxLanes(D()));
  const auto high = hn::Set(du, 0xffff0000u);
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    const auto low = hn::ShiftRight<16>(rounded(hn::LoadU(d, even + i)));
    const auto upper = odd == nullptr ? hn::Zero(du) : hn::And(rounded(hn::LoadU(d, odd + i)), high);
    hn::StoreU(hn::Or(low, upper), du, words + i);
  }
  if (i < n) {
    float tail[2][kWidth] = {};
    uint32_t made[kWidth];
    for (int64_t j = i; j < n; ++j) {
      tail[0][j - i] = even[j];
      tail[1][j - i] = odd == nullptr ? 0 : odd[j];
    }
    hn::StoreU(
        hn::Or(hn::ShiftRight<16>(rounded(hn::LoadU(d, tail[0]))), hn::And(rounded(hn::LoadU(d, tail[1])), high)), du,
        made);
    for (int64_t j = i; j < n; ++j) words[j] = made[j - i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(pair);
}  // namespace

void pair_rows(const float* even, const float* odd, int64_t n, uint32_t* words) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(pair)(even, odd, n, words);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
