// Channels of groups put side by side and apart again, written once with Highway.
#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/grouped.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/group_order.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D4 = hn::CappedTag<float, 4>;
using D8 = hn::CappedTag<float, 8>;
using D16 = hn::CappedTag<float, 16>;

/// to[i * spread + g] = from[g * each + i], for all i and g.
HWY_INLINE void put_together(int64_t each, int64_t spread, const float* from, float* to) {
  int64_t i = 0;
  if (spread == 2) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D8()));
    for (; i + kStep <= each; i += kStep)
      hn::StoreInterleaved2(hn::LoadU(D8(), from + i), hn::LoadU(D8(), from + each + i), D8(), to + 2 * i);
  } else if (spread == 4) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D4()));
    for (; i + kStep <= each; i += kStep)
      hn::StoreInterleaved4(hn::LoadU(D4(), from + i), hn::LoadU(D4(), from + each + i),
                            hn::LoadU(D4(), from + 2 * each + i), hn::LoadU(D4(), from + 3 * each + i), D4(),
                            to + 4 * i);
  } else if (each == 2) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D16()));
    int64_t g = 0;
    for (; g + kStep <= spread; g += kStep) {
      hn::Vec<D16> a, b;
      hn::LoadInterleaved2(D16(), from + 2 * g, a, b);
      hn::StoreU(a, D16(), to + g);
      hn::StoreU(b, D16(), to + spread + g);
    }
    if (g == spread) return;
  }
  for (; i < each; ++i)
    for (int64_t g = 0; g < spread; ++g) to[i * spread + g] = from[g * each + i];
}

/// to[g * each + i] = from[i * spread + g].
HWY_INLINE void put_apart(int64_t each, int64_t spread, const float* from, float* to) {
  int64_t i = 0;
  if (spread == 2) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D8()));
    for (; i + kStep <= each; i += kStep) {
      hn::Vec<D8> a, b;
      hn::LoadInterleaved2(D8(), from + 2 * i, a, b);
      hn::StoreU(a, D8(), to + i);
      hn::StoreU(b, D8(), to + each + i);
    }
  } else if (spread == 4) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D4()));
    for (; i + kStep <= each; i += kStep) {
      hn::Vec<D4> a, b, c, d;
      hn::LoadInterleaved4(D4(), from + 4 * i, a, b, c, d);
      hn::StoreU(a, D4(), to + i);
      hn::StoreU(b, D4(), to + each + i);
      hn::StoreU(c, D4(), to + 2 * each + i);
      hn::StoreU(d, D4(), to + 3 * each + i);
    }
  } else if (each == 2) {
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D16()));
    int64_t g = 0;
    for (; g + kStep <= spread; g += kStep)
      hn::StoreInterleaved2(hn::LoadU(D16(), from + g), hn::LoadU(D16(), from + spread + g), D16(), to + 2 * g);
    if (g == spread) return;
  }
  for (; i < each; ++i)
    for (int64_t g = 0; g < spread; ++g) to[g * each + i] = from[i * spread + g];
}

HWY_INLINE void copy(const float* from, int64_t n, float* to) {
  constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(D4()));
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) hn::StoreU(hn::LoadU(D4(), from + i), D4(), to + i);
  for (; i < n; ++i) to[i] = from[i];
}

/// Room for a block that is not full; larger ones go float by float.
constexpr int64_t kMostFloats = 512;

void together(const GroupOrder& o, int64_t first, int64_t last, int64_t pixels, const float* x, int64_t x_stride,
              float* y, int64_t y_stride) {
  const int64_t floats = o.spread * o.each, full = o.groups / o.spread, whole = full < last ? full : last;
  const int64_t valid = o.groups - whole * o.spread;
  float block[kMostFloats] = {};
  for (int64_t p = 0; p < pixels; ++p, x += x_stride, y += y_stride) {
    for (int64_t b = first; b < whole; ++b) put_together(o.each, o.spread, x + b * floats, y + b * floats);
    if (whole == last) continue;
    const float* from = x + whole * floats;
    float* to = y + whole * floats;
    if (floats <= kMostFloats) {
      copy(from, valid * o.each, block);
      put_together(o.each, o.spread, block, to);
    } else {
      for (int64_t i = 0; i < o.each; ++i)
        for (int64_t g = 0; g < o.spread; ++g) to[i * o.spread + g] = g < valid ? from[g * o.each + i] : 0.0f;
    }
  }
}

void apart(const GroupOrder& o, int64_t block, int64_t pixels, const float* x, int64_t x_stride, float* y,
           int64_t y_stride) {
  const int64_t floats = o.spread * o.each, valid = o.groups - block * o.spread;
  y += block * floats;
  float buffer[kMostFloats];
  for (int64_t p = 0; p < pixels; ++p, x += x_stride, y += y_stride) {
    if (valid >= o.spread) {
      put_apart(o.each, o.spread, x, y);
    } else if (floats <= kMostFloats) {
      put_apart(o.each, o.spread, x, buffer);
      copy(buffer, valid * o.each, y);
    } else {
      for (int64_t g = 0; g < valid; ++g)
        for (int64_t i = 0; i < o.each; ++i) y[g * o.each + i] = x[i * o.spread + g];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(together);
HWY_EXPORT(apart);
}  // namespace

void interleave_groups(const GroupOrder& order, int64_t first, int64_t last, int64_t pixels, const float* x,
                       int64_t x_stride, float* y, int64_t y_stride) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(together)(order, first, last, pixels, x, x_stride, y, y_stride);
}

void separate_groups(const GroupOrder& order, int64_t block, int64_t pixels, const float* x, int64_t x_stride, float* y,
                     int64_t y_stride) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(apart)(order, block, pixels, x, x_stride, y, y_stride);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
