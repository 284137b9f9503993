#include "ops/attention.h"

#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;
using AttributeMap = std::map<std::string, Attribute, std::less<>>;

// One head of size 1: with equal keys each query takes the mean of the values that it sees.
Tensor sequence(const std::vector<float>& values) {
  return Tensor::of<float>({1, 1, static_cast<int64_t>(values.size()), 1}, values);
}

TEST(Attention, SeesTheKeysUpToItsOwnPositionWhereCausal) {
  const Tensor zero = sequence({0, 0, 0});
  const auto y = run_node({"Attention", 23, {{"is_causal", int64_t{1}}}}, {zero, zero, sequence({3, 9, 6})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {3, 6, 6}));
}

TEST(Attention, CountsThePastWhereCausalAndGivesThePresent) {
  const auto y = run_node({"Attention", 23, {{"is_causal", int64_t{1}}}, "", 3},
                          {sequence({0, 0}), sequence({0, 0}), sequence({9, 100}), {}, sequence({0}), sequence({3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-4f), {6.0f, 112 / 3.0f}));
  EXPECT_THAT((*y)[2].values<float>(), ElementsAre(3, 9, 100));
}

TEST(Attention, KeepsMaskedValuesOutEvenIfTheyAreNan) {
  const auto y = run_node({"Attention", 23}, {sequence({0, 0}), sequence({0, NAN}), sequence({5, NAN}),
                                              Tensor::of<bool>({2, 2}, {true, false, false, false})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(5, 0));  // a query without keys gives zero
}

TEST(Attention, ExcludesTheColumnsThatAMaskLacks) {
  const auto y = run_node({"Attention", 24}, {sequence({0}),
                                              sequence({0, 0, 0}),
                                              sequence({2, 4, 90}),
                                              Tensor::of<float>({1, 2}, {0, 0}),
                                              {},
                                              {},
                                              Tensor::of<int64_t>({1}, {3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {3}));
}

TEST(Attention, SharesKeysAmongHeadsInOperandsOfRankThree) {
  const AttributeMap heads{{"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{1}}};
  const auto y =
      run_node({"Attention", 23, heads}, {Tensor::of<float>({1, 1, 2}, {0, 0}), Tensor::of<float>({1, 2, 1}, {0, 0}),
                                          Tensor::of<float>({1, 2, 1}, {1, 3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 1, 2));
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {2, 2}));
}

TEST(Attention, ExposesScoresAtEachStage) {
  const auto scores = [](int64_t mode) {
    return (*run_node({"Attention", 23, {{"qk_matmul_output_mode", mode}, {"softcap", 2.0f}, {"scale", 1.0f}}, "", 4},
                      {sequence({1}), sequence({4}), sequence({1}), Tensor::of<float>({1, 1}, {-1})}))[3]
        .values<float>()[0];
  };
  EXPECT_FLOAT_EQ(scores(0), 4);
  EXPECT_FLOAT_EQ(scores(1), 2 * std::tanh(2.0f));
  EXPECT_FLOAT_EQ(scores(2), 2 * std::tanh(2.0f) - 1);
  EXPECT_FLOAT_EQ(scores(3), 1);
}

TEST(Attention, LooksThroughAWindowSinceOpset25) {
  const Tensor zero = sequence({0, 0, 0});
  const auto y = run_node({"Attention", 25, {{"left_window_size", int64_t{1}}, {"right_window_size", int64_t{0}}}},
                          {zero, zero, sequence({3, 9, 5})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {3, 6, 7}));
}

TEST(Attention, ChecksShapesAndLengths) {
  const Tensor one = sequence({0}), two = sequence({0, 0});
  EXPECT_FALSE(run_node({"Attention", 23}, {one, one, two}).ok());
  EXPECT_FALSE(run_node({"Attention", 23}, {one, two, two, Tensor::of<float>({1, 3}, {0, 0, 0})}).ok());
  EXPECT_FALSE(run_node({"Attention", 23}, {one, two, two, {}, one}).ok());
  EXPECT_FALSE(run_node({"Attention", 24}, {one, two, two, {}, {}, {}, Tensor::of<int64_t>({1}, {-5})}).ok());
  EXPECT_FALSE(run_node({"Attention", 23, {{"qk_matmul_output_mode", int64_t{4}}}}, {one, two, two}).ok());
}

TEST(RotaryEmbedding, RotatesHalvesOrNeighboursAndLeavesTheRest) {
  const Tensor x = Tensor::of<float>({1, 1, 1, 5}, {1, 2, 3, 4, 5});
  // A quarter turn of the first pair, none of the second.
  const Tensor c = Tensor::of<float>({1, 1, 2}, {0, 1}), s = Tensor::of<float>({1, 1, 2}, {1, 0});
  const auto rotate = [&](int64_t interleaved) {
    return *run_node({"RotaryEmbedding", 23, {{"interleaved", interleaved}, {"rotary_embedding_dim", int64_t{4}}}},
                     {x, c, s});
  };
  EXPECT_THAT(rotate(0)[0].values<float>(), ElementsAre(-3, 2, 1, 4, 5));
  EXPECT_THAT(rotate(1)[0].values<float>(), ElementsAre(-2, 1, 3, 4, 5));
}

TEST(RotaryEmbedding, ChecksPositions) {
  const Tensor x = Tensor::of<float>({1, 1, 2}, {1, 2}), c = Tensor::of<float>({2, 1}, {0, 1}),
               s = Tensor::of<float>({2, 1}, {1, 0});
  const auto at = [&](int64_t position) {
    return run_node({"RotaryEmbedding", 23, {{"num_heads", int64_t{1}}}},
                    {x, c, s, Tensor::of<int64_t>({1, 1}, {position})});
  };
  ASSERT_TRUE(at(0).ok()) << at(0).error().to_string();
  EXPECT_THAT((*at(0))[0].values<float>(), ElementsAre(-2, 1));
  EXPECT_THAT((*at(1))[0].values<float>(), ElementsAre(1, 2));
  EXPECT_FALSE(at(2).ok());
  EXPECT_FALSE(at(-1).ok());
}

}  // namespace
}  // namespace fovea::ops
