#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

TEST(Col2Im, AddsWhereBlocksOverlap) {
  // Blocks of 2 at positions 0 and 1 of 3 pixels: columns hold the first elements, then the second ones.
  const auto y = run_node({"Col2Im", 18}, {Tensor::of<float>({1, 2, 2}, {1, 2, 10, 20}), integers({3}), integers({2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 1, 3));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 12, 20));
}

TEST(Col2Im, DropsThePaddingAndSteps) {
  const auto x = Tensor::of<int32_t>({1, 2, 2}, {1, 2, 10, 20});
  const TestNode node{"Col2Im", 18, {{"pads", Integers{1, 0}}, {"strides", Integers{2}}, {"dilations", Integers{1}}}};
  const auto y = run_node(node, {x, integers({3}), integers({2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(10, 2, 20));
}

TEST(Col2Im, RefusesWhatDoesNotFit) {
  const auto x = Tensor::of<float>({1, 2, 2}, {1, 2, 10, 20});
  EXPECT_FALSE(run_node({"Col2Im", 18}, {x, integers({4}), integers({2})}).ok());
  EXPECT_FALSE(run_node({"Col2Im", 18}, {x, integers({2}), integers({3})}).ok());
  EXPECT_FALSE(run_node({"Col2Im", 18}, {x, integers({3}), integers({0})}).ok());
  EXPECT_FALSE(run_node({"Col2Im", 18}, {x, integers({INT64_MAX}), integers({2})}).ok());
  EXPECT_FALSE(run_node({"Col2Im", 18, {{"strides", Integers{0}}}}, {x, integers({3}), integers({2})}).ok());
  EXPECT_FALSE(run_node({"Col2Im", 18, {{"pads", Integers{1}}}}, {x, integers({3}), integers({2})}).ok());
}

}  // namespace
}  // namespace fovea::ops
