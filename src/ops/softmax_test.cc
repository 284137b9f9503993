#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(Softmax, NormalisesAlongOneAxisSinceOpset13) {
  const auto x = Tensor::of<float>({2, 2}, {0, 0, 1, 3});
  const auto y = run_node({"Softmax", 13, {{"axis", int64_t{0}}}}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  const float a = 1 / (1 + std::exp(1.0f)), b = 1 / (1 + std::exp(3.0f));
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {a, b, 1 - a, 1 - b}));
}

TEST(Softmax, NormalisesOverAllTrailingAxesBefore) {
  const auto x = Tensor::of<float>({1, 2, 2}, {0, 0, 0, 0});
  const auto y = run_node({"Softmax", 11}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-7f), {0.25f, 0.25f, 0.25f, 0.25f}));
}

TEST(Softmax, StaysFiniteForLargeLogits) {
  const auto y = run_node({"LogSoftmax", 13}, {Tensor::of<float>({2}, {1e30f, -1e30f})});
  ASSERT_TRUE(y.ok());
  EXPECT_EQ((*y)[0].values<float>()[0], 0.0f);
}

TEST(Softmax, RefusesAxesOutsideTheRank) {
  const auto y = run_node({"Softmax", 13, {{"axis", int64_t{2}}}}, {Tensor::of<float>({2}, {1, 2})});
  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.error().code, ErrorCode::invalid_model);
}

TEST(Softmax, RoundsEveryStepOfHalfPrecision) {
  std::vector<f16> x(11, f16(-1.0f));
  x[0] = f16(0.0f);
  const double exponential = static_cast<double>(f16(std::exp(-1.0))),
               sum = static_cast<double>(f16(1 + 10 * exponential));
  const auto y = values_of<f16>(run_node({"Softmax", 13}, {Tensor::of<f16>({11}, x)}));
  ASSERT_EQ(y.size(), 11u);
  EXPECT_EQ(y[0].bits, f16(1 / sum).bits);
  EXPECT_EQ(y[1].bits, f16(exponential / sum).bits);
}

TEST(Hardmax, MarksTheFirstOfTheLargest) {
  const auto y = run_node({"Hardmax", 13}, {Tensor::of<float>({2, 3}, {1, 5, 5, 0, 0, -1})});
  EXPECT_THAT(values_of<float>(y), ::testing::ElementsAre(0, 1, 0, 1, 0, 0));
}

}  // namespace
}  // namespace fovea::ops
