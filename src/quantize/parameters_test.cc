#include "quantize/parameters.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace fovea::quantize {
namespace {

TEST(Parameters, ARangeIsSpannedWithZeroInIt) {
  const Parameters p = activation_parameters({-1, 3}, DType::u8, false);
  EXPECT_FLOAT_EQ(p.scale, 4.0f / 255);
  EXPECT_EQ(p.zero_point, 64);
  EXPECT_EQ(p.quantize(0), 64);
  EXPECT_EQ(p.dequantize(64), 0);
  EXPECT_EQ(p.quantize(10), 255);
  EXPECT_EQ(activation_parameters({2, 5}, DType::u8, false).zero_point, 0);  // 0 to 5
  EXPECT_EQ(activation_parameters({-5, -2}, DType::u8, false).zero_point, 255);
  EXPECT_EQ(activation_parameters({0, 5}, DType::i8, false).zero_point, -128);
}

TEST(Parameters, SymmetricHasNoZeroPoint) {
  const Parameters p = activation_parameters({-1, 3}, DType::i8, true);
  EXPECT_FLOAT_EQ(p.scale, 3.0f / 127);
  EXPECT_EQ(p.zero_point, 0);
}

TEST(Parameters, ARangeWithoutExtentIsNoDivisionByZero) {
  for (const DType dtype : {DType::u8, DType::i8})
    for (const Range range : {Range{0, 0}, Range{0, 1e-44f}}) {
      const Parameters p = activation_parameters(range, dtype, dtype == DType::i8);
      EXPECT_EQ(p.scale, 1);
      EXPECT_EQ(p.dequantize(p.quantize(0)), 0);
    }
}

TEST(Parameters, ARangeThatIsNotFiniteGetsFiniteParameters) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const DType dtype : {DType::u8, DType::i8})
    for (const Range range : {Range{-infinity, infinity}, Range{0, infinity}, Range{NAN, NAN}, Range{NAN, 1}}) {
      const Parameters p = activation_parameters(range, dtype, dtype == DType::i8);
      EXPECT_TRUE(std::isfinite(p.scale));
      EXPECT_EQ(p.dequantize(p.quantize(0)), 0);
    }
}

TEST(Weights, EachChannelHasItsScale) {
  const Tensor w = Tensor::of<float>({2, 3}, {1, -2, 0.5f, 0, 0, 0});
  const auto rows = quantize_weight(w, 0, {});
  ASSERT_TRUE(rows.ok());
  EXPECT_FLOAT_EQ(rows->scales.data<float>()[0], 2.0f / 127);
  EXPECT_EQ(rows->scales.data<float>()[1], 1);
  EXPECT_EQ(rows->values.data<int8_t>()[1], -127);
  EXPECT_EQ(rows->values.data<int8_t>()[0], 64);  // 63.5 to even
  const auto columns = quantize_weight(w, 1, {});
  EXPECT_EQ(columns->scales.size(), 3);
  EXPECT_EQ(columns->values.data<int8_t>()[0], 127);
  EXPECT_FALSE(quantize_weight(Tensor::of<float>({1, 1}, {NAN}), 0, {}).ok());
}

TEST(Weights, ABiasMuchLargerThanItsWeightsFits) {
  const std::vector<float> bias = {1000};
  const float input = 1e-6f;
  const auto least = least_weight_scales(bias, input);
  const auto weight = quantize_weight(Tensor::of<float>({1, 1}, {1e-5f}), 0, least);
  const auto whole = quantize_bias(bias, input, weight->scales.values<float>());
  ASSERT_TRUE(whole.ok());
  EXPECT_NEAR(
      static_cast<double>(whole->values.data<int32_t>()[0]) * static_cast<double>(whole->scales.data<float>()[0]), 1000,
      1e-3);
}

}  // namespace
}  // namespace fovea::quantize
