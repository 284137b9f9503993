// Three planes put side by side, written once with Highway.
#include "kernels/interleave.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/interleave.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void three(const uint32_t* planes, int64_t plane_stride, uint32_t* to, int64_t count) {
  const uint32_t *a = planes, *b = planes + plane_stride, *c = planes + 2 * plane_stride;
  const hn::ScalableTag<uint32_t> d;
  const auto width = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + width <= count; i += width)
    hn::StoreInterleaved3(hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, c + i), d, to + 3 * i);
  for (; i < count; ++i) {
    to[3 * i] = a[i];
    to[3 * i + 1] = b[i];
    to[3 * i + 2] = c[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(three);
}  // namespace

void interleave_three(const uint32_t* planes, int64_t plane_stride, uint32_t* to, int64_t count) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(three)(planes, plane_stride, to, count);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
