#include "ops/concat.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

TEST(Concat, JoinsAlongAnAxisCountedFromTheBack) {
  const auto a = Tensor::of<uint8_t>({2, 1}, {1, 2}), b = Tensor::of<uint8_t>({2, 2}, {3, 4, 5, 6});
  const auto none = Tensor::of<uint8_t>({2, 0}, {});
  const auto y = run_node({"Concat", 13, {{"axis", int64_t{-1}}}}, {a, none, b});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(2, 3));
  EXPECT_THAT((*y)[0].values<uint8_t>(), ElementsAre(1, 3, 4, 2, 5, 6));
}

TEST(Concat, RefusesPiecesThatDoNotFit) {
  const auto a = Tensor::of<float>({1, 2}, {1, 2});
  const TestNode node{"Concat", 13, {{"axis", int64_t{0}}}};
  EXPECT_FALSE(run_node(node, {a, Tensor::of<float>({1, 3}, {1, 2, 3})}).ok());
  EXPECT_FALSE(run_node(node, {a, Tensor::of<float>({2}, {1, 2})}).ok());
  EXPECT_FALSE(run_node(node, {a, Tensor::of<double>({1, 2}, {1, 2})}).ok());
  EXPECT_FALSE(run_node(node, {a, Tensor()}).ok());
  EXPECT_FALSE(run_node(node, {Tensor::scalar(1.f)}).ok());
  EXPECT_FALSE(run_node({"Concat", 13}, {a}).ok()) << "axis has no default";
}

TEST(Split, CutsToGivenLengths) {
  const auto x = Tensor::of<int16_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestNode as_input{"Split", 13, {{"axis", int64_t{1}}}, "", 2};
  const TestNode as_attribute{"Split", 11, {{"axis", int64_t{1}}, {"split", Integers{1, 2}}}, "", 2};
  for (const auto& y : {run_node(as_input, {x, Tensor::of<int64_t>({2}, {1, 2})}), run_node(as_attribute, {x})}) {
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    EXPECT_THAT((*y)[0].values<int16_t>(), ElementsAre(1, 4));
    EXPECT_THAT((*y)[1].values<int16_t>(), ElementsAre(2, 3, 5, 6));
  }
}

TEST(Split, MayEndInAShorterPartSinceOpset18) {
  const auto x = Tensor::of<float>({5}, {1, 2, 3, 4, 5});
  const auto y = run_node({"Split", 18, {{"num_outputs", int64_t{3}}}, "", 3}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 2));
  EXPECT_THAT((*y)[2].values<float>(), ElementsAre(5));
  EXPECT_FALSE(run_node({"Split", 13, {}, "", 3}, {x}).ok());
  EXPECT_FALSE(run_node({"Split", 18, {{"num_outputs", int64_t{4}}}, "", 4}, {x}).ok());
}

TEST(Split, RefusesLengthsThatDoNotSumUp) {
  const auto x = Tensor::of<float>({5}, {1, 2, 3, 4, 5});
  for (const Integers& lengths : std::vector<Integers>{{2, 2}, {6, -1}, {5}, {INT64_MAX, INT64_MAX}})
    EXPECT_FALSE(
        run_node({"Split", 13, {}, "", 2}, {x, Tensor::of<int64_t>({static_cast<int64_t>(lengths.size())}, lengths)})
            .ok());
}

}  // namespace
}  // namespace fovea::ops
