#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsNan;
using ::testing::Pointwise;

using Axes = std::vector<int64_t>;

Tensor axes(const Axes& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

TEST(Reduce, ReadsAxesFromAttributesThenFromAnInput) {
  const auto x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(values_of<float>(run_node({"ReduceMean", 13, {{"axes", Axes{1}}}}, {x})), ElementsAre(2, 5));
  EXPECT_THAT(values_of<float>(run_node({"ReduceMean", 18}, {x, axes({-1})})), ElementsAre(2, 5));
  EXPECT_THAT(values_of<float>(run_node({"ReduceSum", 11, {{"axes", Axes{0}}}}, {x})), ElementsAre(5, 7, 9));
  EXPECT_THAT(values_of<float>(run_node({"ReduceSum", 13}, {x, axes({0})})), ElementsAre(5, 7, 9));
  EXPECT_EQ(refusal(run_node({"ReduceSum", 13, {{"axes", Axes{0}}}}, {x})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"ReduceMean", 17}, {x, axes({0})})), ErrorCode::invalid_model);
}

TEST(Reduce, KeepsOrDropsTheAxes) {
  const auto x = Tensor::of<float>({2, 1, 2}, {1, 2, 3, 4});
  EXPECT_EQ(shape_of(run_node({"ReduceMax", 18}, {x, axes({0, 2})})), (Shape{1, 1, 1}));
  EXPECT_EQ(shape_of(run_node({"ReduceMax", 18, {{"keepdims", int64_t{0}}}}, {x, axes({0, 2})})), (Shape{1}));
  EXPECT_EQ(shape_of(run_node({"ReduceMax", 18, {{"keepdims", int64_t{0}}}}, {x})), Shape{});
}

TEST(Reduce, ReducesAxesThatAreNotNeighbours) {
  std::vector<float> x(2 * 3 * 4 * 5);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  // Sum over axes 0 and 2 at (j, l): elements 60a + 20j + 5b + l.
  const auto y = values_of<float>(run_node({"ReduceSum", 13}, {Tensor::of<float>({2, 3, 4, 5}, x), axes({0, 2})}));
  ASSERT_EQ(y.size(), 15u);
  for (int j = 0; j < 3; ++j)
    for (int l = 0; l < 5; ++l)
      EXPECT_EQ(y[static_cast<size_t>(5 * j + l)], 240.0f + 60.0f + 8.0f * static_cast<float>(20 * j + l));
}

TEST(Reduce, SumsAcrossRowsLongerThanABlock) {
  std::vector<float> x(2 * 600, 1);
  const auto y = values_of<float>(run_node({"ReduceSum", 13}, {Tensor::of<float>({2, 600}, x), axes({0})}));
  EXPECT_EQ(y, std::vector<float>(600, 2));
  const auto z = values_of<float>(run_node({"ReduceSum", 13}, {Tensor::of<float>({2, 600}, x), axes({1})}));
  EXPECT_THAT(z, ElementsAre(600, 600));
}

TEST(Reduce, WithoutAxesReducesAllOrNothing) {
  const auto x = Tensor::of<float>({2}, {3, 4});
  EXPECT_THAT(values_of<float>(run_node({"ReduceL2", 18}, {x})), ElementsAre(5));
  EXPECT_THAT(values_of<float>(run_node({"ReduceL2", 18}, {x, axes({})})), ElementsAre(5));
  const TestNode noop{"ReduceSumSquare", 18, {{"noop_with_empty_axes", int64_t{1}}}};
  EXPECT_THAT(values_of<float>(run_node(noop, {x})), ElementsAre(9, 16));  // nothing falls together, but is squared
}

TEST(Reduce, OfNothingGivesTheNeutralElement) {
  const auto x = Tensor::of<float>({2, 0}, {});
  const auto reduce = [&](std::string_view name) { return values_of<float>(run_node({name, 20}, {x, axes({1})})); };
  EXPECT_THAT(reduce("ReduceSum"), ElementsAre(0, 0));
  EXPECT_THAT(reduce("ReduceProd"), ElementsAre(1, 1));
  EXPECT_THAT(reduce("ReduceMax"), ElementsAre(-INFINITY, -INFINITY));
  EXPECT_THAT(reduce("ReduceMin"), ElementsAre(INFINITY, INFINITY));
  EXPECT_THAT(reduce("ReduceLogSum"), ElementsAre(-INFINITY, -INFINITY));
  EXPECT_THAT(reduce("ReduceLogSumExp"), ElementsAre(-INFINITY, -INFINITY));
  EXPECT_THAT(reduce("ReduceMean"), ElementsAre(IsNan(), IsNan()));
  const auto bytes = Tensor::of<int8_t>({0}, {});
  EXPECT_THAT(values_of<int8_t>(run_node({"ReduceMax", 20}, {bytes})), ElementsAre(-128));
  EXPECT_THAT(values_of<int8_t>(run_node({"ReduceMin", 20}, {bytes})), ElementsAre(127));
  EXPECT_THAT(values_of<bool>(run_node({"ReduceMin", 20}, {Tensor::of<bool>({0}, {})})), ElementsAre(true));
}

TEST(Reduce, MaxAndMinOfTruthsAreOrAndAnd) {
  const auto x = Tensor::of<bool>({2, 2}, {true, false, false, false});
  EXPECT_THAT(values_of<bool>(run_node({"ReduceMax", 20}, {x, axes({1})})), ElementsAre(true, false));
  EXPECT_THAT(values_of<bool>(run_node({"ReduceMin", 20}, {x, axes({1})})), ElementsAre(false, false));
  EXPECT_EQ(refusal(run_node({"ReduceSum", 20}, {x})), ErrorCode::invalid_model);
}

TEST(Reduce, LogSumExpStaysFinite) {
  const auto y = run_node({"ReduceLogSumExp", 18}, {Tensor::of<float>({3}, {-1000, 1000, 1000})});
  EXPECT_THAT(values_of<float>(y), Pointwise(FloatNear(1e-3f), {1000.6931f}));
  const auto z = run_node({"ReduceLogSumExp", 18}, {Tensor::of<float>({2}, {INFINITY, 1})});
  EXPECT_THAT(values_of<float>(z), ElementsAre(INFINITY));
}

TEST(Reduce, SumsSixteenBitFloatsWithoutLosingAny) {
  const auto y = run_node({"ReduceSum", 13}, {Tensor::of<f16>({4096}, std::vector<f16>(4096, f16(1.0f)))});
  EXPECT_EQ(static_cast<float>(values_of<f16>(y)[0]), 4096);
}

TEST(Reduce, RefusesAxesOutsideTheRankOrTwice) {
  const auto x = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(refusal(run_node({"ReduceSum", 13}, {x, axes({2})})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"ReduceSum", 13}, {x, axes({INT64_MIN})})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"ReduceSum", 13}, {x, axes({1, -1})})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
