#include "ops/slice.h"

#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kLeast = std::numeric_limits<int64_t>::min();

Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

// Slices the numbers 0 to 4.
std::vector<float> sliced(int64_t start, int64_t end, int64_t step) {
  const auto x = Tensor::of<float>({5}, {0, 1, 2, 3, 4});
  const auto y = run_node({"Slice", 13}, {x, integers({start}), integers({end}), integers({-1}), integers({step})});
  if (!y.ok()) return {-1};
  const auto values = (*y)[0].values<float>();
  return {values.begin(), values.end()};
}

TEST(Slice, FollowsPythonsRules) {
  EXPECT_THAT(sliced(1, 3, 1), ElementsAre(1, 2));
  EXPECT_THAT(sliced(-2, kMost, 1), ElementsAre(3, 4));
  EXPECT_THAT(sliced(kLeast, kMost, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(sliced(3, 1, 1), ElementsAre());
  EXPECT_THAT(sliced(9, 12, 1), ElementsAre());
  EXPECT_THAT(sliced(0, 5, kMost), ElementsAre(0));
}

TEST(Slice, WalksBackwards) {
  EXPECT_THAT(sliced(-1, kLeast, -1), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(sliced(kMost, -kMost, -2), ElementsAre(4, 2, 0));
  EXPECT_THAT(sliced(3, 0, -1), ElementsAre(3, 2, 1));
  EXPECT_THAT(sliced(4, kLeast, kLeast), ElementsAre(4));
  EXPECT_THAT(sliced(kLeast, kLeast, -1), ElementsAre(0)) << "a start before the first element is clipped to it";
}

TEST(Slice, ReadsAttributesBeforeOpset10) {
  const auto x = Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5});
  const auto y =
      run_node({"Slice", 9, {{"starts", Integers{1}}, {"ends", Integers{1000}}, {"axes", Integers{1}}}}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 2, 4, 5));
}

TEST(Slice, GivesNothingOfNothing) {
  const auto x = Tensor::of<float>({0, 2}, {});
  const auto y = run_node({"Slice", 13}, {x, integers({-1}), integers({kLeast}), integers({0}), integers({-1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(0, 2));
}

TEST(Slice, RefusesWhatMakesNoSense) {
  const auto x = Tensor::of<float>({2, 2}, {0, 1, 2, 3});
  EXPECT_FALSE(run_node({"Slice", 13}, {x, integers({0}), integers({1}), integers({0}), integers({0})}).ok());
  EXPECT_FALSE(run_node({"Slice", 13}, {x, integers({0}), integers({1}), integers({2})}).ok());
  EXPECT_FALSE(run_node({"Slice", 13}, {x, integers({0, 0}), integers({1, 1}), integers({0, 0})}).ok());
  EXPECT_FALSE(run_node({"Slice", 13}, {x, integers({0, 0, 0}), integers({1, 1, 1})}).ok());
  EXPECT_FALSE(run_node({"Slice", 13}, {x, integers({0, 0}), integers({1})}).ok());
  EXPECT_FALSE(run_node({"Slice", 13}, {x}).ok());
}

}  // namespace
}  // namespace fovea::ops
