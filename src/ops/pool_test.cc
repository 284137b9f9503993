#include "ops/pool.h"

#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Numbers = std::vector<int64_t>;

Tensor line(const std::vector<float>& values) {
  return Tensor::of<float>({1, 1, static_cast<int64_t>(values.size())}, values);
}

TEST(MaxPool, LeavesPaddingOut) {
  const auto y = run_node({"MaxPool", 12, {{"kernel_shape", Numbers{2}}, {"pads", Numbers{1, 1}}}}, {line({-3, -2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-3, -2, -2));
}

TEST(MaxPool, TellsWhereTheFirstMaximumLies) {
  const TestNode row{"MaxPool", 12, {{"kernel_shape", Numbers{2, 2}}}, "", 2};
  TestNode column = row;
  column.attributes["storage_order"] = int64_t{1};
  const Tensor x = Tensor::of<float>({1, 2, 2, 3}, {0, 7, 7, 1, 2, 3, 0, 0, 0, 9, 0, 0});
  const auto by_row = run_node(row, {x}), by_column = run_node(column, {x});
  ASSERT_TRUE(by_row.ok() && by_column.ok());
  EXPECT_THAT((*by_row)[1].values<int64_t>(), ElementsAre(1, 1, 9, 7));
  EXPECT_THAT((*by_column)[1].values<int64_t>(), ElementsAre(2, 2, 7, 8));
}

TEST(MaxPool, TakesBytes) {
  const auto y =
      run_node({"MaxPool", 12, {{"kernel_shape", Numbers{2}}}}, {Tensor::of<int8_t>({1, 1, 3}, {-128, -5, -7})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int8_t>(), ElementsAre(-5, -5));
}

TEST(MaxPool, LetsNanThrough) {
  const auto y = run_node({"MaxPool", 12, {{"kernel_shape", Numbers{2}}}}, {line({1, NAN, 3})});
  ASSERT_TRUE(y.ok());
  EXPECT_TRUE(std::isnan((*y)[0].values<float>()[0]) && std::isnan((*y)[0].values<float>()[1]));
}

TEST(MaxPool, StaysQuickWithKernelsFarLargerThanTheInput) {
  const auto y = run_node(
      {"MaxPool", 12, {{"kernel_shape", Numbers{2147483647}}, {"strides", Numbers{1000}}, {"ceil_mode", int64_t{1}}}},
      {line({1, 2})});
  EXPECT_FALSE(y.ok());
  const auto padded = run_node(
      {"MaxPool", 12, {{"kernel_shape", Numbers{1 << 20}}, {"pads", Numbers{1 << 19, 1 << 19}}}}, {line({1, 2})});
  ASSERT_TRUE(padded.ok()) << padded.error().to_string();
  EXPECT_THAT((*padded)[0].values<float>(), ElementsAre(2, 2, 2));
}

TEST(AveragePool, CountsPaddingOnlyWhenAskedAndNeverWhatLiesBeyond) {
  const auto pool = [](int64_t include) {
    return run_node({"AveragePool",
                     19,
                     {{"kernel_shape", Numbers{3}},
                      {"strides", Numbers{2}},
                      {"pads", Numbers{1, 0}},
                      {"ceil_mode", int64_t{1}},
                      {"count_include_pad", include}}},
                    {line({6, 6, 6, 6})});
  };
  EXPECT_THAT((*pool(0))[0].values<float>(), ElementsAre(6, 6));
  EXPECT_THAT((*pool(1))[0].values<float>(), ElementsAre(4, 6));
  const auto beyond = run_node({"AveragePool",
                                19,
                                {{"kernel_shape", Numbers{2}},
                                 {"strides", Numbers{2}},
                                 {"ceil_mode", int64_t{1}},
                                 {"count_include_pad", int64_t{1}}}},
                               {line({4, 6, 8})});
  EXPECT_THAT((*beyond)[0].values<float>(), ElementsAre(5, 8));
}

TEST(AveragePool, KnowsDilationsSinceOpset19) {
  const auto y =
      run_node({"AveragePool", 19, {{"kernel_shape", Numbers{2}}, {"dilations", Numbers{2}}}}, {line({1, 2, 5, 8})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 5));
}

TEST(LpPool, TakesTheNormOfEachWindow) {
  const auto y = run_node({"LpPool", 18, {{"kernel_shape", Numbers{2}}}}, {line({3, -4, 0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(5, 4));
  EXPECT_FALSE(run_node({"LpPool", 18, {{"kernel_shape", Numbers{2}}, {"p", int64_t{0}}}}, {line({3, 4})}).ok());
}

TEST(GlobalPool, KeepsTheRank) {
  const Tensor x = Tensor::of<float>({1, 2, 2, 1}, {1, 3, -4, -8});
  const auto average = run_node({"GlobalAveragePool", 1}, {x}), most = run_node({"GlobalMaxPool", 1}, {x});
  ASSERT_TRUE(average.ok() && most.ok());
  EXPECT_THAT((*average)[0].shape(), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT((*average)[0].values<float>(), ElementsAre(2, -6));
  EXPECT_THAT((*most)[0].values<float>(), ElementsAre(3, -4));
  EXPECT_FALSE(run_node({"GlobalAveragePool", 1}, {Tensor::of<float>({1, 2, 0}, {})}).ok());
}

}  // namespace
}  // namespace fovea::ops
