// One number from one element type to another, by ONNX Cast's rules, without undefined behaviour.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "fovea/dtype.h"

namespace fovea::ops {

/// Float to integer, towards zero. ONNX leaves what is out of range open; this is what x86's instructions give, and
/// with them ONNX Runtime and NumPy: the integer of 32 or 64 bits becomes its lowest value, of which narrower types
/// keep the low bits.
template <class To>
To truncate(double x) {
  if constexpr (std::is_same_v<To, uint64_t>)
    if (x >= 0x1p63) return static_cast<uint64_t>(truncate<int64_t>(x - 0x1p63)) ^ (uint64_t{1} << 63);
  using Wide = std::conditional_t<(sizeof(To) < 4 || std::is_same_v<To, int32_t>), int32_t, int64_t>;
  constexpr double kLimit = sizeof(Wide) == 4 ? 0x1p31 : 0x1p63;
  // Written so that NaN fails it. Above -2^31 - 1 what is cut off may still be a fraction.
  const bool fits = x < kLimit && (sizeof(Wide) == 4 ? x > -kLimit - 1 : x >= -kLimit);
  return static_cast<To>(fits ? static_cast<Wide>(x) : std::numeric_limits<Wide>::min());
}

/// A double rounded once to bf16. Going through float would round twice, so float's last bit is made to remember that
/// something was cut off ("round to odd"), which no rounding to fewer bits can then mistake for a tie.
inline bf16 round_to_bf16(double x) {
  const float nearest = static_cast<float>(x);
  const double back = static_cast<double>(nearest);
  if (back == x || !std::isfinite(nearest)) return bf16(nearest);
  auto bits = std::bit_cast<uint32_t>(nearest);
  if ((back > x) == (x > 0)) --bits;  // nearest was away from zero: the neighbour towards it
  return bf16(std::bit_cast<float>(bits | 1u));
}

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>)
    return x;
  else if constexpr (std::is_same_v<From, f16> || std::is_same_v<From, bf16>)
    return convert<To>(static_cast<float>(x));
  else if constexpr (std::is_same_v<To, bool>)
    return x != From{0};  // NaN is true
  else if constexpr (std::is_same_v<To, f16>)
    return f16(static_cast<double>(x));
  else if constexpr (std::is_same_v<To, bf16> && std::is_same_v<From, float>)
    return bf16(x);
  else if constexpr (std::is_same_v<To, bf16>)
    return round_to_bf16(static_cast<double>(x));
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return truncate<To>(static_cast<double>(x));
  else
    return static_cast<To>(x);
}

}  // namespace fovea::ops
