#include "ops/quantize_linear.h"

#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(QuantizeLinear, RoundsToEvenAndSaturates) {
  const auto y = run_node({"QuantizeLinear", 13}, {Tensor::of<float>({6}, {1, 3, -1, 1000, -1000, NAN}),
                                                   Tensor::scalar<float>(2), Tensor::scalar<int8_t>(1)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int8_t>(), ElementsAre(1, 3, 1, 127, -128, -128));
}

TEST(QuantizeLinear, GivesBytesWithoutAZeroPoint) {
  const auto y = run_node({"QuantizeLinear", 10}, {Tensor::of<float>({2}, {-1, 300}), Tensor::scalar<float>(1)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<uint8_t>(), ElementsAre(0, 255));
  const auto wide = run_node({"QuantizeLinear", 21, {{"output_dtype", int64_t{5}}}},
                             {Tensor::of<float>({1}, {-300}), Tensor::scalar<float>(1)});
  ASSERT_TRUE(wide.ok()) << wide.error().to_string();
  EXPECT_THAT((*wide)[0].values<int16_t>(), ElementsAre(-300));
}

TEST(QuantizeLinear, KnowsScalesOfAnAxisAndOfBlocks) {
  const Tensor x = Tensor::of<float>({2, 3}, {8, 8, 8, 8, 8, 8});
  const auto axis = run_node({"QuantizeLinear", 13, {{"axis", int64_t{-2}}}}, {x, Tensor::of<float>({2}, {1, 2})});
  ASSERT_TRUE(axis.ok()) << axis.error().to_string();
  EXPECT_THAT((*axis)[0].values<uint8_t>(), ElementsAre(8, 8, 8, 4, 4, 4));
  const auto block = run_node({"QuantizeLinear", 21, {{"axis", int64_t{1}}, {"block_size", int64_t{2}}}},
                              {x, Tensor::of<float>({2, 2}, {1, 2, 4, 8})});
  ASSERT_TRUE(block.ok()) << block.error().to_string();
  EXPECT_THAT((*block)[0].values<uint8_t>(), ElementsAre(8, 8, 4, 2, 2, 1));
}

TEST(QuantizeLinear, RefusesScalesThatFitNothing) {
  const Tensor x = Tensor::of<float>({2, 3}, {8, 8, 8, 8, 8, 8}), two = Tensor::of<float>({2}, {1, 2});
  EXPECT_FALSE(run_node({"QuantizeLinear", 13, {{"axis", int64_t{1}}}}, {x, two}).ok());
  EXPECT_FALSE(run_node({"QuantizeLinear", 13, {{"axis", int64_t{5}}}}, {x, two}).ok());
  EXPECT_FALSE(run_node({"QuantizeLinear", 21, {{"axis", int64_t{0}}, {"block_size", int64_t{-1}}}}, {x, two}).ok());
  EXPECT_FALSE(
      run_node({"QuantizeLinear", 13, {{"axis", int64_t{0}}}}, {x, two, Tensor::of<int8_t>({3}, {0, 0, 0})}).ok());
}

TEST(DequantizeLinear, TakesTheZeroPointOffWithoutWrapping) {
  const auto y = run_node({"DequantizeLinear", 13}, {Tensor::of<uint8_t>({2}, {0, 255}), Tensor::scalar<float>(0.5f),
                                                     Tensor::scalar<uint8_t>(255)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-127.5f, 0));
}

TEST(DequantizeLinear, TakesItsTypeFromTheScaleOrTheAttribute) {
  const Tensor x = Tensor::of<int32_t>({1}, {3}), scale = Tensor::scalar<f16>(f16(0.5f));
  EXPECT_EQ((*run_node({"DequantizeLinear", 19}, {x, scale}))[0].dtype(), DType::f16);
  EXPECT_EQ((*run_node({"DequantizeLinear", 23, {{"output_dtype", int64_t{1}}}}, {x, scale}))[0].dtype(), DType::f32);
  EXPECT_FALSE(run_node({"DequantizeLinear", 23, {{"output_dtype", int64_t{7}}}}, {x, scale}).ok());
}

TEST(DynamicQuantizeLinear, SpansTheInputAndZero) {
  const auto y = run_node({"DynamicQuantizeLinear", 11, {}, "", 3}, {Tensor::of<float>({3}, {-51, 0, 204})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<uint8_t>(), ElementsAre(0, 51, 255));
  EXPECT_EQ((*y)[1].values<float>()[0], 1.0f);
  EXPECT_EQ((*y)[2].values<uint8_t>()[0], 51);
}

TEST(DynamicQuantizeLinear, StaysDefinedForZerosOnly) {
  const auto y = run_node({"DynamicQuantizeLinear", 11, {}, "", 3}, {Tensor::of<float>({2}, {0, 0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<uint8_t>(), ElementsAre(0, 0));
  EXPECT_EQ((*y)[1].values<float>()[0], 1.0f);
}

}  // namespace
}  // namespace fovea::ops
