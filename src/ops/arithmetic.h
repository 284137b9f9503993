// Arithmetic on the four types in which elementwise functions compute, defined for every operand: integers wrap
// around, and a division by zero gives zero instead of a trap.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace fovea::ops {

namespace detail {
// Signed overflow is undefined, unsigned wraps; the bits are the same.
template <class T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
}  // namespace detail

template <class T>
constexpr T add(T a, T b) {
  using W = detail::Wrapping<T>;
  return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
}
template <class T>
constexpr T subtract(T a, T b) {
  using W = detail::Wrapping<T>;
  return static_cast<T>(static_cast<W>(a) - static_cast<W>(b));
}
template <class T>
constexpr T multiply(T a, T b) {
  using W = detail::Wrapping<T>;
  return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
}
template <class T>
constexpr T negative(T x) {
  if constexpr (std::is_integral_v<T>)
    return subtract(T(0), x);
  else
    return -x;
}
template <class T>
constexpr T absolute(T x) {
  if constexpr (std::is_unsigned_v<T>)
    return x;
  else if constexpr (std::is_integral_v<T>)
    return x < 0 ? negative(x) : x;
  else
    return std::fabs(x);
}
/// Integers towards zero.
template <class T>
constexpr T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return negative(a);
  }
  return a / b;
}
/// What is left over: with the dividend's sign, as in C, or with the divisor's, as in Python.
template <class T>
T remainder_of_dividend(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return b == 0 || (std::is_signed_v<T> && b == T(-1)) ? T(0) : a % b;
  else
    return std::fmod(a, b);
}
template <class T>
T remainder_of_divisor(T a, T b) {
  const T r = remainder_of_dividend(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
/// The larger and the smaller of two; NaN if one is NaN.
template <class T>
constexpr T larger(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
constexpr T smaller(T a, T b) {
  return a < b || a != a ? a : b;
}

/// Bits that leave on either side are lost; a shift by the type's width or more leaves none. Operands are unsigned, or
/// unsigned numbers held in an int64_t.
template <class T>
constexpr T shift_left(T x, T by) {
  return static_cast<uint64_t>(by) < 64 ? static_cast<T>(static_cast<uint64_t>(x) << by) : T(0);
}
template <class T>
constexpr T shift_right(T x, T by) {
  return static_cast<uint64_t>(by) < 64 ? static_cast<T>(static_cast<uint64_t>(x) >> by) : T(0);
}

/// Integer power by squaring. A negative exponent gives the fraction cut off: 0, but for bases 1 and -1.
template <class T>
constexpr T integer_power(T base, int64_t exponent) {
  if (exponent < 0) return base == T(1) ? T(1) : base == T(-1) ? (exponent % 2 == 0 ? T(1) : T(-1)) : T(0);
  T result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, base);
    base = multiply(base, base);
  }
  return result;
}

}  // namespace fovea::ops
