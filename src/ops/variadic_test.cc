#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsNan;
using ::testing::Pointwise;

TEST(Variadic, BroadcastsAnyNumberOfOperands) {
  const auto a = Tensor::of<float>({2, 1}, {1, 5}), b = Tensor::of<float>({2}, {2, 4}), c = Tensor::scalar(3.0f);
  EXPECT_THAT(values_of<float>(run_node({"Max"}, {a, b, c})), ElementsAre(3, 4, 5, 5));
  EXPECT_THAT(values_of<float>(run_node({"Min"}, {a, b, c})), ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(values_of<float>(run_node({"Sum"}, {a, b, c})), ElementsAre(6, 8, 10, 12));
  EXPECT_THAT(values_of<float>(run_node({"Mean"}, {a, b, c})),
              Pointwise(FloatNear(1e-6f), {2.0f, 8 / 3.0f, 10 / 3.0f, 4.0f}));
}

TEST(Variadic, KeepsNotANumber) {
  const auto a = Tensor::of<float>({2}, {NAN, 1}), b = Tensor::of<float>({2}, {1, NAN});
  EXPECT_THAT(values_of<float>(run_node({"Max"}, {a, b})), ElementsAre(IsNan(), IsNan()));
  EXPECT_THAT(values_of<float>(run_node({"Min"}, {a, b})), ElementsAre(IsNan(), IsNan()));
}

TEST(Variadic, PassesOneOperandThrough) {
  EXPECT_THAT(values_of<float>(run_node({"Mean"}, {Tensor::of<float>({2}, {1, 2})})), ElementsAre(1, 2));
}

TEST(Variadic, DoesNotBroadcastBeforeOpset8) {
  const auto a = Tensor::of<float>({2}, {1, 2}), b = Tensor::scalar(3.0f);
  EXPECT_EQ(refusal(run_node({"Max", 7}, {a, b})), ErrorCode::invalid_model);
  EXPECT_THAT(values_of<float>(run_node({"Max", 8}, {a, b})), ElementsAre(3, 3));
}

TEST(Variadic, RefusesMixedTypesAndMeansOfIntegers) {
  const auto a = Tensor::of<float>({1}, {1}), b = Tensor::of<int32_t>({1}, {1});
  EXPECT_EQ(refusal(run_node({"Sum"}, {a, b})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Mean"}, {b, b})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
