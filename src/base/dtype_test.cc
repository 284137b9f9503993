#include "fovea/dtype.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace fovea {
namespace {

f16 half_from_bits(uint16_t bits) {
  f16 h;
  h.bits = bits;
  return h;
}

/// A binary16's value by its definition: sign, 5 bits of exponent, 10 of fraction.
double definition(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Half, EveryFiniteValueReadsAsDefined) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if (((bits >> 10) & 31) == 31) continue;
    EXPECT_EQ(static_cast<double>(half_from_bits(static_cast<uint16_t>(bits))),
              definition(static_cast<uint16_t>(bits)));
  }
}

TEST(Half, EveryValueSurvivesTheWayThroughFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const f16 h = half_from_bits(static_cast<uint16_t>(bits));
    if (std::isnan(static_cast<float>(h)))
      EXPECT_TRUE(std::isnan(static_cast<float>(f16(static_cast<float>(h)))));
    else
      EXPECT_EQ(f16(static_cast<float>(h)).bits, h.bits);
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(-26, 15.9);
  for (int i = 0; i < 20000; ++i) {
    const double x = std::exp2(exponent(random));
    const f16 rounded(x);
    const double error = std::fabs(static_cast<double>(static_cast<float>(rounded)) - x);
    for (int step : {-1, 1}) {
      const auto neighbour = static_cast<uint16_t>(rounded.bits + step);
      if (neighbour >= 0x7c00) continue;
      EXPECT_LE(error, std::fabs(definition(neighbour) - x)) << x;
    }
  }
  for (uint16_t bits = 0; bits < 0x7bff; bits += 7) {
    const double middle = (definition(bits) + definition(static_cast<uint16_t>(bits + 1))) / 2;
    EXPECT_EQ(f16(middle).bits & 1, 0) << bits;
  }
}

TEST(Half, DoublesAreRoundedOnce) {
  // Just above the middle of 1 and the next half: float would round it to the middle, and then to even, 1.
  const double x = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(f16(x).bits, 0x3c01);
}

TEST(Half, LargeValuesBecomeInfinity) {
  EXPECT_EQ(f16(65519.0f).bits, 0x7bff);
  EXPECT_EQ(f16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(f16(-std::numeric_limits<float>::infinity()).bits, 0xfc00);
}

TEST(BFloat, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(bf16(1.0f + 0x1p-8f).bits, 0x3f80);             // a tie, down to even
  EXPECT_EQ(bf16(1.0f + 0x1p-7f + 0x1p-8f).bits, 0x3f82);   // a tie, up to even
  EXPECT_EQ(bf16(1.0f + 0x1p-8f + 0x1p-20f).bits, 0x3f81);  // just above
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace fovea
