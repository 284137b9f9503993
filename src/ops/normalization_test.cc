#include "ops/normalization.h"

#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

Tensor ones(int64_t n, float value = 1) {
  return Tensor::of<float>({n}, std::vector<float>(static_cast<size_t>(n), value));
}

TEST(BatchNormalization, AppliesEachChannelsStatistics) {
  const auto y =
      run_node({"BatchNormalization", 15, {{"epsilon", 0.0f}}},
               {Tensor::of<float>({1, 2, 2}, {1, 2, 3, 4}), Tensor::of<float>({2}, {1, 10}),
                Tensor::of<float>({2}, {0, 1}), Tensor::of<float>({2}, {1, 3}), Tensor::of<float>({2}, {4, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0, 0.5f, 1, 11));
}

TEST(BatchNormalization, MixesRunningStatisticsInTraining) {
  const auto y = run_node(
      {"BatchNormalization", 15, {{"training_mode", int64_t{1}}, {"momentum", 0.75f}, {"epsilon", 0.0f}}, "", 3},
      {Tensor::of<float>({2, 1}, {2, 6}), ones(1), ones(1, 0), ones(1, 0), ones(1, 8)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-1, 1));
  EXPECT_THAT((*y)[1].values<float>(), ElementsAre(1));
  EXPECT_THAT((*y)[2].values<float>(), ElementsAre(7));  // 8 * 0.75 + 4 * 0.25
}

TEST(BatchNormalization, NormalisesEachFeatureWhereNotSpatial) {
  const Tensor x = Tensor::of<float>({1, 1, 2}, {3, 5}), p = Tensor::of<float>({1, 2}, {1, 1}),
               zero = Tensor::of<float>({1, 2}, {0, 4});
  const auto y =
      run_node({"BatchNormalization", 7, {{"spatial", int64_t{0}}, {"epsilon", 0.0f}}}, {x, p, zero, zero, p});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 5));
}

TEST(BatchNormalization, RefusesTheTrainingFormOfOldOpsets) {
  const auto y = run_node({"BatchNormalization", 9, {}, "", 5}, {ones(1), ones(1), ones(1), ones(1), ones(1)});
  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.error().code, ErrorCode::unsupported);
}

TEST(InstanceNormalization, NormalisesEachChannelOfEachImage) {
  const auto y = run_node(
      {"InstanceNormalization", 6, {{"epsilon", 0.0f}}},
      {Tensor::of<float>({1, 2, 2}, {1, 3, 10, 30}), Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2}, {0, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-1, 1, -1, 3));
}

TEST(GroupNormalization, TakesParametersByGroupBeforeOpset21) {
  const Tensor x = Tensor::of<float>({1, 4, 1}, {1, 3, 1, 3});
  const std::map<std::string, Attribute, std::less<>> two{{"num_groups", int64_t{2}}, {"epsilon", 0.0f}};
  const auto before = run_node({"GroupNormalization", 18, two}, {x, Tensor::of<float>({2}, {1, 10}), ones(2, 0)});
  ASSERT_TRUE(before.ok()) << before.error().to_string();
  EXPECT_THAT((*before)[0].values<float>(), ElementsAre(-1, 1, -10, 10));
  const auto since = run_node({"GroupNormalization", 21, two}, {x, Tensor::of<float>({4}, {1, 2, 3, 4}), ones(4, 0)});
  ASSERT_TRUE(since.ok()) << since.error().to_string();
  EXPECT_THAT((*since)[0].values<float>(), ElementsAre(-1, 2, -3, 4));
  EXPECT_FALSE(run_node({"GroupNormalization", 21, {{"num_groups", int64_t{3}}}}, {x, ones(4), ones(4)}).ok());
  EXPECT_FALSE(run_node({"GroupNormalization", 21}, {x, ones(4), ones(4)}).ok());
}

TEST(LayerNormalization, GivesMeanAndDeviationInTheStashType) {
  const auto y = run_node({"LayerNormalization", 17, {{"epsilon", 0.0f}}, "", 3},
                          {Tensor::of<f16>({2, 2}, {f16(1.0f), f16(3.0f), f16(2.0f), f16(10.0f)}),
                           Tensor::of<f16>({2}, {f16(1.0f), f16(2.0f)})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_EQ((*y)[0].dtype(), DType::f16);
  EXPECT_EQ(static_cast<float>((*y)[0].values<f16>()[3]), 2.0f);
  EXPECT_THAT((*y)[1].shape(), ElementsAre(2, 1));
  EXPECT_THAT((*y)[1].values<float>(), ElementsAre(2, 6));
  EXPECT_THAT((*y)[2].values<float>(), ElementsAre(1, 0.25f));
}

TEST(LayerNormalization, BroadcastsScaleAndBias) {
  const auto y =
      run_node({"LayerNormalization", 17, {{"axis", int64_t{0}}, {"epsilon", 0.0f}}},
               {Tensor::of<float>({2, 1}, {1, 3}), Tensor::scalar<float>(2), Tensor::of<float>({2, 1}, {0, 5})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-2, 7));
  EXPECT_FALSE(run_node({"LayerNormalization", 17}, {Tensor::of<float>({1, 1}, {1}), ones(2)}).ok());
}

TEST(RmsNormalization, DividesByTheRootOfTheMeanSquare) {
  const auto y = run_node({"RMSNormalization", 23, {{"epsilon", 0.0f}}},
                          {Tensor::of<float>({1, 2}, {1, 7}), Tensor::of<float>({2}, {5, 10})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-5f), {1, 14}));
}

TEST(LpNormalization, LeavesZerosWhereTheNormIsZero) {
  const auto y = run_node({"LpNormalization", 1, {{"p", int64_t{1}}, {"axis", int64_t{0}}}},
                          {Tensor::of<float>({2, 2}, {1, 0, -3, 0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0.25f, 0, -0.75f, 0));
  EXPECT_FALSE(run_node({"LpNormalization", 1, {{"p", int64_t{3}}}}, {ones(2)}).ok());
}

TEST(Lrn, SumsOverNeighbouringChannels) {
  const auto y = run_node({"LRN", 13, {{"size", int64_t{2}}, {"alpha", 2.0f}, {"beta", 1.0f}, {"bias", 0.0f}}},
                          {Tensor::of<float>({1, 3, 1}, {1, 2, 3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  // An even size reaches further towards the later channels.
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {1 / 5.0f, 2 / 13.0f, 3 / 9.0f}));
}

}  // namespace
}  // namespace fovea::ops
