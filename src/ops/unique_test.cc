#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

TEST(Unique, SortsOrKeepsTheOrderOfFirstAppearance) {
  const auto x = Tensor::of<float>({6}, {2, 1, 1, 3, 4, 3});
  const auto sorted = run_node({"Unique", 11, {}, "", 4}, {x});
  EXPECT_THAT(values_of<float>(sorted), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(values_of<int64_t>(sorted, 1), ElementsAre(1, 0, 3, 4));
  EXPECT_THAT(values_of<int64_t>(sorted, 2), ElementsAre(1, 0, 0, 2, 3, 2));
  EXPECT_THAT(values_of<int64_t>(sorted, 3), ElementsAre(2, 1, 2, 1));
  const auto kept = run_node({"Unique", 11, {{"sorted", int64_t{0}}}, "", 4}, {x});
  EXPECT_THAT(values_of<float>(kept), ElementsAre(2, 1, 3, 4));
  EXPECT_THAT(values_of<int64_t>(kept, 2), ElementsAre(0, 1, 1, 2, 3, 2));
}

TEST(Unique, FindsEqualSlicesAlongAnAxis) {
  const auto x = Tensor::of<int64_t>({2, 3}, {1, 0, 1, 2, 5, 2});
  const auto y = run_node({"Unique", 11, {{"axis", int64_t{1}}}, "", 4}, {x});
  EXPECT_EQ(shape_of(y), (Shape{2, 2}));
  EXPECT_THAT(values_of<int64_t>(y), ElementsAre(0, 1, 5, 2));
  EXPECT_THAT(values_of<int64_t>(y, 2), ElementsAre(1, 0, 1));
}

TEST(Unique, CountsAllNotANumbersAsOne) {
  const auto y = run_node({"Unique", 11, {}, "", 4}, {Tensor::of<float>({3}, {NAN, 1, NAN})});
  EXPECT_THAT(values_of<float>(y), ElementsAre(1, IsNan()));
  EXPECT_THAT(values_of<int64_t>(y, 3), ElementsAre(1, 2));
}

}  // namespace
}  // namespace fovea::ops
