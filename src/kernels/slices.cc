// Slices of pixels, written once with Highway.
#include "kernels/slices.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/slices.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

namespace hs = hwy::HWY_NAMESPACE;

void cut(const uint8_t* x, int64_t pixels, int64_t pixel_bytes, int64_t slices, int64_t slice_stride, uint8_t* to) {
  const hs::CappedTag<uint8_t, kSliceBytes> d;
  const auto width = static_cast<int64_t>(hs::Lanes(d));
  for (int64_t i = 0; i < pixels; ++i, x += pixel_bytes, to += kSliceBytes) {
    const uint8_t* from = x;
    uint8_t* slice = to;
    for (int64_t s = 0; s < slices; ++s, from += kSliceBytes, slice += slice_stride)
      for (int64_t j = 0; j < kSliceBytes; j += width) hs::StoreU(hs::LoadU(d, from + j), d, slice + j);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(cut);
}  // namespace

void cut_slices(const std::byte* x, int64_t pixels, int64_t pixel_bytes, int64_t slices, int64_t slice_stride,
                std::byte* to) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(cut)
  (reinterpret_cast<const uint8_t*>(x), pixels, pixel_bytes, slices, slice_stride, reinterpret_cast<uint8_t*>(to));
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
