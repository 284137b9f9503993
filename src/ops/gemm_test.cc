#include "ops/gemm.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Gemm, TransposesScalesAndBroadcastsC) {
  const auto y =
      run_node({"Gemm", 13, {{"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 2.0f}, {"beta", 0.5f}}},
               {Tensor::of<float>({2, 1}, {1, 2}), Tensor::of<float>({2, 2}, {1, 2, 3, 4}),
                Tensor::of<float>({1, 2}, {10, 20})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(15, 32));
}

TEST(Gemm, DoesWithoutCSinceOpset11) {
  const Tensor one = Tensor::of<double>({1, 1}, {3});
  const auto y = run_node({"Gemm", 11}, {one, one});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<double>(), ElementsAre(9));
}

TEST(Gemm, TakesIntegers) {
  const auto y =
      run_node({"Gemm", 13, {{"alpha", -1.0f}}},
               {Tensor::of<int64_t>({1, 1}, {3}), Tensor::of<int64_t>({1, 1}, {5}), Tensor::scalar<int64_t>(1)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int64_t>(), ElementsAre(-14));
}

TEST(Gemm, RefusesACThatWouldWidenTheResult) {
  const Tensor row = Tensor::of<float>({1, 2}, {1, 2}), column = Tensor::of<float>({2, 1}, {1, 2});
  EXPECT_FALSE(run_node({"Gemm", 13}, {row, column, column}).ok());
  EXPECT_FALSE(run_node({"Gemm", 13}, {row, row}).ok());
  EXPECT_FALSE(run_node({"Gemm", 13}, {Tensor::of<float>({2}, {1, 2}), column}).ok());
}

}  // namespace
}  // namespace fovea::ops
