// Element types of tensors, with the two 16-bit floats that C++20 lacks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fovea {

enum class DType : uint8_t { f32, f64, f16, bf16, i8, u8, i16, u16, i32, u32, i64, u64, boolean };

/// IEEE 754 binary16. Conversion from float rounds to nearest even; overflow gives infinity, NaN stays NaN.
struct f16 {
  uint16_t bits = 0;
  f16() = default;
  explicit f16(float value);
  explicit f16(double value);
  operator float() const;
};

/// The upper half of a binary32. Conversion from float rounds to nearest even.
struct bf16 {
  uint16_t bits = 0;
  bf16() = default;
  explicit bf16(float value) {
    uint32_t word = std::bit_cast<uint32_t>(value);
    if ((word & 0x7fffffffu) > 0x7f800000u)
      bits = static_cast<uint16_t>((word >> 16) | 0x40u);  // a quiet NaN, whatever its payload was
    else
      bits = static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

/// Bytes of one element.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::i8:
    case DType::u8:
    case DType::boolean: return 1;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
    case DType::u16: return 2;
    case DType::f32:
    case DType::i32:
    case DType::u32: return 4;
    case DType::f64:
    case DType::i64:
    case DType::u64: return 8;
  }
  return 0;
}

/// "f32", "i64", "bool": the names used in text, JSON and messages.
std::string_view name_of(DType dtype);

template <class T>
struct dtype_of_t;
// clang-format off
template <> struct dtype_of_t<float>    { static constexpr DType value = DType::f32; };
template <> struct dtype_of_t<double>   { static constexpr DType value = DType::f64; };
template <> struct dtype_of_t<f16>      { static constexpr DType value = DType::f16; };
template <> struct dtype_of_t<bf16>     { static constexpr DType value = DType::bf16; };
template <> struct dtype_of_t<int8_t>   { static constexpr DType value = DType::i8; };
template <> struct dtype_of_t<uint8_t>  { static constexpr DType value = DType::u8; };
template <> struct dtype_of_t<int16_t>  { static constexpr DType value = DType::i16; };
template <> struct dtype_of_t<uint16_t> { static constexpr DType value = DType::u16; };
template <> struct dtype_of_t<int32_t>  { static constexpr DType value = DType::i32; };
template <> struct dtype_of_t<uint32_t> { static constexpr DType value = DType::u32; };
template <> struct dtype_of_t<int64_t>  { static constexpr DType value = DType::i64; };
template <> struct dtype_of_t<uint64_t> { static constexpr DType value = DType::u64; };
template <> struct dtype_of_t<bool>     { static constexpr DType value = DType::boolean; };
// clang-format on

/// The DType of a C++ element type.
template <class T>
inline constexpr DType dtype_of = dtype_of_t<T>::value;

constexpr bool is_float(DType d) { return d == DType::f32 || d == DType::f64 || d == DType::f16 || d == DType::bf16; }
constexpr bool is_integer(DType d) { return !is_float(d) && d != DType::boolean; }

}  // namespace fovea
