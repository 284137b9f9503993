#include "fovea/dtype.h"

#include <cmath>

namespace fovea {
namespace {

// Rounds a double's significand straight to 11 bits: going through float would round twice.
uint16_t half_bits(double value) {
  const uint64_t word = std::bit_cast<uint64_t>(value);
  const auto sign = static_cast<uint16_t>((word >> 48) & 0x8000u);
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x1p-14)  // subnormal: units of 2^-24, and 1024 of them are the least normal number
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24)));
  const uint64_t shifted = (word & 0x7fffffffffffffffull) - (uint64_t{1023 - 15} << 52);
  const uint64_t rounded = shifted + ((uint64_t{1} << 41) - 1) + ((shifted >> 42) & 1);
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(rounded >> 42));
}

}  // namespace

f16::f16(float value) : bits(half_bits(value)) {}
f16::f16(double value) : bits(half_bits(value)) {}

f16::operator float() const {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t rest = bits & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));
  if (rest < 0x400u) return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(rest) * 0x1p-24f));
  return std::bit_cast<float>(sign | ((rest << 13) + (uint32_t{127 - 15} << 23)));
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::i8: return "i8";
    case DType::u8: return "u8";
    case DType::i16: return "i16";
    case DType::u16: return "u16";
    case DType::i32: return "i32";
    case DType::u32: return "u32";
    case DType::i64: return "i64";
    case DType::u64: return "u64";
    case DType::boolean: return "bool";
  }
  return "?";
}

}  // namespace fovea
