#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

Tensor count(int64_t k) { return Tensor::of<int64_t>({1}, {k}); }

TEST(TopK, BreaksTiesByIndex) {
  const auto y = run_node({"TopK", 11, {}, "", 2}, {Tensor::of<float>({5}, {1, 3, 2, 3, 3}), count(2)});
  EXPECT_THAT(values_of<float>(y), ElementsAre(3, 3));
  EXPECT_THAT(values_of<int64_t>(y, 1), ElementsAre(1, 3));
}

TEST(TopK, RunsAlongAnyAxisAndUpwards) {
  const auto x = Tensor::of<int32_t>({3, 2}, {5, 1, 3, 9, 4, 0});
  const auto y = run_node({"TopK", 11, {{"axis", int64_t{0}}, {"largest", int64_t{0}}}, "", 2}, {x, count(2)});
  EXPECT_THAT(values_of<int32_t>(y), ElementsAre(3, 0, 4, 1));
  EXPECT_THAT(values_of<int64_t>(y, 1), ElementsAre(1, 2, 2, 0));
}

TEST(TopK, TakesNotANumberForTheLargest) {
  const auto x = Tensor::of<float>({4}, {1, NAN, INFINITY, -1});
  EXPECT_THAT(values_of<int64_t>(run_node({"TopK", 11, {}, "", 2}, {x, count(4)}), 1), ElementsAre(1, 2, 0, 3));
  EXPECT_THAT(values_of<int64_t>(run_node({"TopK", 11, {{"largest", int64_t{0}}}, "", 2}, {x, count(4)}), 1),
              ElementsAre(3, 0, 2, 1));
}

TEST(TopK, ReadsTheCountFromAnAttributeBeforeOpset10) {
  const auto y = run_node({"TopK", 1, {{"k", int64_t{1}}}, "", 2}, {Tensor::of<float>({2}, {1, 2})});
  EXPECT_THAT(values_of<int64_t>(y, 1), ElementsAre(1));
}

TEST(TopK, RefusesCountsThatAreNotThere) {
  const auto x = Tensor::of<float>({2}, {1, 2});
  EXPECT_EQ(refusal(run_node({"TopK", 11, {}, "", 2}, {x, count(3)})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"TopK", 11, {}, "", 2}, {x, count(-1)})), ErrorCode::invalid_model);
  EXPECT_EQ(shape_of(run_node({"TopK", 11, {}, "", 2}, {x, count(0)})), (Shape{0}));
}

}  // namespace
}  // namespace fovea::ops
