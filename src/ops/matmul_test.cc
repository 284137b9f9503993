#include "ops/matmul.h"

#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(MatMul, BroadcastsBatchesAsNumpyDoes) {
  const auto y = run_node(
      {"MatMul", 13}, {Tensor::of<float>({2, 1, 1, 2}, {1, 2, 3, 4}), Tensor::of<float>({2, 2, 1}, {1, 1, 10, 100})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(2, 2, 1, 1));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 210, 7, 430));
}

TEST(MatMul, DropsTheAxisOfAVector) {
  const Tensor v = Tensor::of<float>({2}, {1, 2}), m = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto left = run_node({"MatMul", 13}, {v, m}), both = run_node({"MatMul", 13}, {v, v});
  ASSERT_TRUE(left.ok() && both.ok());
  EXPECT_THAT((*left)[0].shape(), ElementsAre(3));
  EXPECT_THAT((*left)[0].values<float>(), ElementsAre(9, 12, 15));
  EXPECT_EQ((*both)[0].rank(), 0);
}

TEST(MatMul, WrapsIntegersAround) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  const auto y =
      run_node({"MatMul", 13}, {Tensor::of<int32_t>({1, 2}, {kMost, 1}), Tensor::of<int32_t>({2, 1}, {2, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(-1));
}

TEST(MatMul, SumsNothingToZero) {
  const auto y = run_node({"MatMul", 13}, {Tensor::of<float>({2, 0}, {}), Tensor::of<float>({0, 1}, {})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0, 0));
}

TEST(MatMul, RefusesWhatDoesNotFit) {
  const Tensor a = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_FALSE(run_node({"MatMul", 13}, {a, a}).ok());
  EXPECT_FALSE(run_node({"MatMul", 13}, {a, Tensor::scalar<float>(1)}).ok());
  constexpr int64_t kLarge = int64_t{1} << 40;
  EXPECT_FALSE(resolve_matmul(Shape{kLarge, 1}, Shape{1, kLarge}).ok());
}

TEST(MatMulInteger, TakesZeroPointsOfRowsAndColumns) {
  const auto y =
      run_node({"MatMulInteger", 10}, {Tensor::of<uint8_t>({2, 1}, {5, 9}), Tensor::of<int8_t>({1, 2}, {-3, 4}),
                                       Tensor::of<uint8_t>({2}, {4, 10}), Tensor::of<int8_t>({2}, {0, 5})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(-3, -1, 3, 1));
}

TEST(MatMulInteger, RefusesZeroPointsOfTheWrongSide) {
  const auto y = run_node(
      {"MatMulInteger", 10},
      {Tensor::of<uint8_t>({2, 1}, {5, 9}), Tensor::of<int8_t>({1, 2}, {-3, 4}), Tensor::of<uint8_t>({3}, {4, 10, 1})});
  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.error().code, ErrorCode::invalid_model);
}

TEST(QLinearMatMul, ScalesByRowAndColumnAndRoundsToEven) {
  const auto y =
      run_node({"QLinearMatMul", 21}, {Tensor::of<int8_t>({1, 2, 1}, {1, 3}), Tensor::of<float>({1, 2, 1}, {1, 0.5f}),
                                       Tensor::of<int8_t>({1, 2, 1}, {0, 0}), Tensor::of<int8_t>({1, 2}, {1, 127}),
                                       Tensor::of<float>({2}, {0.5f, 1}), Tensor::of<int8_t>({2}, {0, 0}),
                                       Tensor::scalar<float>(1), Tensor::scalar<int8_t>(3)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 2, 2));
  // 0.5 goes to 0 before the zero point comes on; 127 + 3 saturates; 0.75; 190.5
  EXPECT_THAT((*y)[0].values<int8_t>(), ElementsAre(3, 127, 4, 127));
}

}  // namespace
}  // namespace fovea::ops
