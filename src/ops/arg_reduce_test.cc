#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(ArgReduce, TakesTheFirstOrTheLastOfEqualOnes) {
  const auto x = Tensor::of<float>({2, 3}, {2, 2, 1, 1, 3, 3});
  EXPECT_THAT(values_of<int64_t>(run_node({"ArgMax", 13, {{"axis", int64_t{1}}}}, {x})), ElementsAre(0, 1));
  EXPECT_THAT(
      values_of<int64_t>(run_node({"ArgMax", 13, {{"axis", int64_t{-1}}, {"select_last_index", int64_t{1}}}}, {x})),
      ElementsAre(1, 2));
  EXPECT_THAT(values_of<int64_t>(run_node({"ArgMin", 13, {{"keepdims", int64_t{0}}}}, {x})), ElementsAre(1, 0, 0));
}

TEST(ArgReduce, NotANumberWins) {
  const auto x = Tensor::of<float>({4}, {1, NAN, 5, NAN});
  EXPECT_THAT(values_of<int64_t>(run_node({"ArgMax", 13}, {x})), ElementsAre(1));
  EXPECT_THAT(values_of<int64_t>(run_node({"ArgMin", 13}, {x})), ElementsAre(1));
}

TEST(ArgReduce, RefusesToChooseFromNothing) {
  EXPECT_EQ(refusal(run_node({"ArgMax", 13}, {Tensor::of<float>({0, 2}, {})})), ErrorCode::invalid_model);
  EXPECT_EQ(shape_of(run_node({"ArgMax", 13, {{"axis", int64_t{1}}}}, {Tensor::of<float>({0, 2}, {})})), (Shape{0, 1}));
  EXPECT_EQ(refusal(run_node({"ArgMax", 13, {{"axis", int64_t{2}}}}, {Tensor::of<float>({1}, {1})})),
            ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
