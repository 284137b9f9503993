#include "ops/conv.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Numbers = std::vector<int64_t>;

Tensor counted(Shape shape) {
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return Tensor::of<float>(std::move(shape), values);
}

TEST(Conv, AddsTheBiasOfEachOutputChannel) {
  const auto y =
      run_node({"Conv", 11}, {counted({1, 1, 2, 2}), Tensor::of<float>({2, 1, 2, 2}, {1, 1, 1, 1, 1, 0, 0, 0}),
                              Tensor::of<float>({2}, {10, 20})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(16, 20));
}

TEST(Conv, KeepsGroupsApart) {
  const auto y = run_node({"Conv", 11, {{"group", int64_t{2}}}},
                          {Tensor::of<float>({1, 2, 1}, {3, 5}), Tensor::of<float>({2, 1, 1}, {1, 10})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 50));
}

TEST(Conv, WorksInOneAndThreeDimensions) {
  const auto line =
      run_node({"Conv", 11, {{"pads", Numbers{1, 1}}, {"dilations", Numbers{2}}, {"strides", Numbers{2}}}},
               {counted({1, 1, 6}), Tensor::of<float>({1, 1, 2}, {1, 100})});
  ASSERT_TRUE(line.ok()) << line.error().to_string();
  EXPECT_THAT((*line)[0].values<float>(), ElementsAre(100, 301, 503));
  const auto volume =
      run_node({"Conv", 11}, {counted({1, 1, 2, 2, 2}), Tensor::of<float>({1, 1, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1})});
  ASSERT_TRUE(volume.ok());
  EXPECT_THAT((*volume)[0].values<float>(), ElementsAre(28));
}

TEST(Conv, ComputesHalfPrecisionWithRoundingOnce) {
  const auto y = run_node({"Conv", 22}, {Tensor::of<bf16>({1, 2, 1}, {bf16(256.0f), bf16(1.0f)}),
                                         Tensor::of<bf16>({1, 2, 1}, {bf16(1.0f), bf16(3.0f)})});
  ASSERT_TRUE(y.ok());
  EXPECT_EQ(static_cast<float>((*y)[0].values<bf16>()[0]), 260.0f);  // 259 has nine bits
}

TEST(Conv, RefusesShapesThatDoNotFit) {
  const Tensor x = counted({1, 4, 3, 3});
  for (const Shape& w : std::vector<Shape>{{2, 3, 1, 1}, {2, 4, 1}, {2, 4, 4, 4}, {0, 4, 1, 1}}) {
    const auto y = run_node({"Conv", 11}, {x, counted(w)});
    ASSERT_FALSE(y.ok()) << to_string(w);
    EXPECT_EQ(y.error().code, ErrorCode::invalid_model);
  }
  EXPECT_FALSE(run_node({"Conv", 11, {{"group", int64_t{0}}}}, {x, counted({2, 4, 1, 1})}).ok());
  EXPECT_FALSE(run_node({"Conv", 11, {{"group", int64_t{1} << 62}}}, {x, counted({2, 4, 1, 1})}).ok());
  EXPECT_FALSE(run_node({"Conv", 11}, {x, counted({2, 4, 1, 1}), counted({3})}).ok());
}

TEST(Conv, GivesNothingForAnEmptyBatch) {
  const auto y = run_node({"Conv", 11}, {counted({0, 1, 3, 3}), counted({1, 1, 2, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(0, 1, 2, 2));
}

TEST(ConvTranspose, ScattersThroughTheKernel) {
  const auto y = run_node({"ConvTranspose", 11, {{"strides", Numbers{2}}, {"output_padding", Numbers{1}}}},
                          {Tensor::of<float>({1, 1, 2}, {1, 2}), Tensor::of<float>({1, 1, 3}, {1, 10, 100})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 10, 102, 20, 200, 0));
}

TEST(ConvTranspose, TakesItsOutputsFromTheSecondAxisOfTheWeight) {
  const auto y = run_node({"ConvTranspose", 11, {{"group", int64_t{2}}}},
                          {Tensor::of<float>({1, 2, 1}, {3, 5}), Tensor::of<float>({2, 2, 1}, {1, 2, 10, 20}),
                           Tensor::of<float>({4}, {0, 0, 0, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 4, 1));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 6, 50, 101));
}

TEST(ConvTranspose, PadsWithZerosWhereTheGivenShapeIsLarger) {
  const auto y = run_node({"ConvTranspose", 11, {{"output_shape", Numbers{4}}}},
                          {Tensor::of<float>({1, 1, 2}, {1, 2}), Tensor::of<float>({1, 1, 1}, {3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 6, 0, 0));
}

TEST(ConvInteger, TakesZeroPointsOff) {
  const auto y = run_node({"ConvInteger", 10},
                          {Tensor::of<uint8_t>({1, 1, 2}, {10, 255}), Tensor::of<int8_t>({2, 1, 1}, {-128, 2}),
                           Tensor::scalar<uint8_t>(10), Tensor::of<int8_t>({2}, {0, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(0, -128 * 245, 0, 245));
}

TEST(ConvInteger, PadsWithTheZeroPoint) {
  const auto y = run_node(
      {"ConvInteger", 10, {{"pads", Numbers{1, 1}}}},
      {Tensor::of<uint8_t>({1, 1, 1}, {12}), Tensor::of<uint8_t>({1, 1, 3}, {1, 1, 1}), Tensor::scalar<uint8_t>(10)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(2));
}

TEST(QLinearConv, ScalesEachChannelAndSaturates) {
  const auto y = run_node(
      {"QLinearConv", 10},
      {Tensor::of<uint8_t>({1, 1, 2}, {130, 255}), Tensor::scalar<float>(0.5f), Tensor::scalar<uint8_t>(128),
       Tensor::of<int8_t>({2, 1, 1}, {1, -10}), Tensor::of<float>({2}, {1.0f, 0.25f}), Tensor::of<int8_t>({2}, {0, 0}),
       Tensor::scalar<float>(0.5f), Tensor::scalar<uint8_t>(100), Tensor::of<int32_t>({2}, {1, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  // (2 + 1), (127 + 1); (-20 + 2) * 0.25 = -4.5, which goes to -4; (-1270 + 2) * 0.25
  EXPECT_THAT((*y)[0].values<uint8_t>(), ElementsAre(103, 228, 96, 0));
}

}  // namespace
}  // namespace fovea::ops
