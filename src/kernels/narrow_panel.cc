#include "kernels/narrow_panel.h"

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/narrow_panel.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Float = hn::CappedTag<float, 16>;
using Int = hn::RebindToSigned<Float>;
using Byte = hn::Rebind<uint8_t, Float>;
using Short = hn::Rebind<uint16_t, Float>;
using Half = hn::Rebind<hwy::float16_t, Float>;

constexpr auto kWidth = static_cast<int64_t>(hn::MaxLanes(Float()));

HWY_INLINE hn::Vec<Float> floats(hn::Vec<Int> bytes) { return hn::ConvertTo(Float(), bytes); }
HWY_INLINE hn::Vec<Int> load_bytes(const uint8_t* p) { return hn::PromoteTo(Int(), hn::LoadU(Byte(), p)); }

/// Vectors of one block, from column j on: load(k) gives the integers of row k.
template <class Load>
HWY_INLINE void widen_column(const NarrowPanels& p, int64_t parameter, int64_t k0, int64_t k1, float* out, Load load) {
  const auto scale = hn::LoadU(Float(), p.scales + parameter);
  const auto zero = p.zeros != nullptr ? floats(load_bytes(p.zeros + parameter)) : hn::Set(Float(), p.zero);
  for (int64_t k = k0; k < k1; ++k, out += p.columns)
    hn::StoreU(hn::Mul(hn::Sub(floats(load(k)), zero), scale), Float(), out);
}

void widen_integers(const NarrowPanels& p, int64_t panel, int64_t first, int64_t count, float* out) {
  const int64_t blocks = (p.depth - 1) / p.block + 1;  // a block may be as large as numbers go
  const auto* numbers =
      reinterpret_cast<const uint8_t*>(p.numbers + panel * narrow_panel_bytes(p.format, p.columns, p.depth));
  for (int64_t k0 = first; k0 < first + count;) {
    const int64_t b = k0 / p.block, left = p.block - k0 % p.block;
    const int64_t k1 = first + count - k0 < left ? first + count : k0 + left;
    float* to = out + (k0 - first) * p.columns;
    for (int64_t j = 0; j + kWidth <= p.columns; j += kWidth) {
      const int64_t parameter = (panel * blocks + b) * p.columns + j;
      const uint8_t* from = numbers + j;
      if (p.format == NarrowFormat::u8)
        widen_column(p, parameter, k0, k1, to + j,
                     [&](int64_t k) HWY_ATTR { return load_bytes(from + k * p.columns); });
      else
        widen_column(p, parameter, k0, k1, to + j, [&](int64_t k) HWY_ATTR {
          const auto pair = load_bytes(from + k / 2 * p.columns);
          return hn::And(hn::ShiftRightSame(pair, static_cast<int>(k % 2) * 4), hn::Set(Int(), 15));
        });
    }
    k0 = k1;
  }
}

void widen_halves(const NarrowPanels& p, int64_t panel, int64_t first, int64_t count, float* out) {
  const auto* from = reinterpret_cast<const uint16_t*>(p.numbers) + (panel * p.depth + first) * p.columns;
  for (int64_t i = 0; i + kWidth <= count * p.columns; i += kWidth) {
    if (p.format == NarrowFormat::bf16) {
      const auto wide = hn::PromoteTo(hn::RebindToUnsigned<Float>(), hn::LoadU(Short(), from + i));
      hn::StoreU(hn::BitCast(Float(), hn::ShiftLeft<16>(wide)), Float(), out + i);
    } else {
      const auto* halves = reinterpret_cast<const hwy::float16_t*>(from);
      hn::StoreU(hn::PromoteTo(Float(), hn::LoadU(Half(), halves + i)), Float(), out + i);
    }
  }
}

void widen(const NarrowPanels& p, int64_t panel, int64_t first, int64_t count, float* out) {
  if (p.format == NarrowFormat::f16 || p.format == NarrowFormat::bf16)
    widen_halves(p, panel, first, count, out);
  else
    widen_integers(p, panel, first, count, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cstring>

#include "base/checked.h"

namespace fovea::kernels {
namespace {
HWY_EXPORT(widen);

bool is_half(NarrowFormat format) { return format == NarrowFormat::f16 || format == NarrowFormat::bf16; }
}  // namespace

int64_t narrow_panel_bytes(NarrowFormat format, int64_t columns, int64_t depth) {
  if (is_half(format)) return columns * depth * 2;
  return columns * (format == NarrowFormat::u8 ? depth : ceil_div(depth, 2));
}

void pack_narrow(NarrowFormat format, int64_t columns, const NarrowSource& s, std::byte* numbers) {
  const int64_t panels = ceil_div(s.n, columns), bytes = narrow_panel_bytes(format, columns, s.depth);
  std::memset(numbers, 0, static_cast<size_t>(panels * bytes));
  for (int64_t p = 0; p < panels; ++p) {
    std::byte* panel = numbers + p * bytes;
    const int64_t n0 = p * columns, valid = std::min(columns, s.n - n0);
    const auto each = [&](auto put) {
      // In short stretches of k, so that both sides stay in the cache where columns are far apart.
      constexpr int64_t kStretch = 64;
      for (int64_t k0 = 0; k0 < s.depth; k0 += kStretch)
        for (int64_t n = 0; n < valid; ++n)
          for (int64_t k = k0; k < std::min(s.depth, k0 + kStretch); ++k)
            put(k, n, (n0 + n) * s.n_stride + k * s.k_stride);
    };
    const auto integer = [&](int64_t at) {
      return static_cast<uint8_t>((static_cast<const uint8_t*>(s.from)[at] ^ s.flip) - s.less);
    };
    auto* to = reinterpret_cast<uint8_t*>(panel);
    if (is_half(format))
      each([&](int64_t k, int64_t n, int64_t at) {
        std::memcpy(panel + (k * columns + n) * 2, static_cast<const uint16_t*>(s.from) + at, 2);
      });
    else if (format == NarrowFormat::u8)
      each([&](int64_t k, int64_t n, int64_t at) { to[k * columns + n] = integer(at); });
    else
      each([&](int64_t k, int64_t n, int64_t at) {
        uint8_t& pair = to[k / 2 * columns + n];
        pair = static_cast<uint8_t>(pair | (integer(at) & 15) << (k % 2 * 4));
      });
  }
}

void widen_panel(const NarrowPanels& panels, int64_t panel, int64_t first, int64_t count, float* out) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(widen)(panels, panel, first, count, out);
}

const std::byte* narrow_rows(const NarrowPanels& p, int64_t panel, int64_t first) {
  return p.numbers + panel * narrow_panel_bytes(p.format, p.columns, p.depth) +
         narrow_panel_bytes(p.format, p.columns, p.format == NarrowFormat::u4 ? first / 2 * 2 : first);
}

int64_t narrow_row_bytes(const NarrowPanels& p, int64_t count) {
  return narrow_panel_bytes(p.format, p.columns, count);
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
