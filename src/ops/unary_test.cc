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

constexpr float kInf = INFINITY, kNan = NAN;

TEST(Unary, RoundsHalvesToEven) {
  const auto y = run_node({"Round"}, {Tensor::of<float>({5}, {0.5f, 1.5f, 2.5f, -0.5f, -2.5f})});
  EXPECT_THAT(values_of<float>(y), ElementsAre(0, 2, 2, 0, -2));
}

TEST(Unary, KeepsNotANumber) {
  for (std::string_view name : {"Abs", "Relu", "LeakyRelu", "Elu", "Selu", "Sign", "Sigmoid", "HardSigmoid", "Gelu",
                                "Mish", "Softplus", "ThresholdedRelu", "Celu", "Neg", "HardSwish", "Erf"})
    EXPECT_THAT(values_of<float>(run_node({name}, {Tensor::of<float>({1}, {kNan})})), ElementsAre(IsNan())) << name;
}

TEST(Unary, LowestIntegerIsItsOwnNegative) {
  const auto x = Tensor::of<int8_t>({2}, {-128, 5});
  EXPECT_THAT(values_of<int8_t>(run_node({"Neg"}, {x})), ElementsAre(-128, -5));
  EXPECT_THAT(values_of<int8_t>(run_node({"Abs"}, {x})), ElementsAre(-128, 5));
  const auto lowest = Tensor::of<int64_t>({1}, {std::numeric_limits<int64_t>::min()});
  EXPECT_THAT(values_of<int64_t>(run_node({"Abs"}, {lowest})), ElementsAre(std::numeric_limits<int64_t>::min()));
}

TEST(Unary, ActivationsSaturateWithoutOverflow) {
  const auto x = Tensor::of<float>({2}, {-1000, 1000});
  EXPECT_THAT(values_of<float>(run_node({"Sigmoid"}, {x})), ElementsAre(0, 1));
  EXPECT_THAT(values_of<float>(run_node({"Softplus"}, {x})), ElementsAre(0, 1000));
  EXPECT_THAT(values_of<float>(run_node({"Mish", 18}, {x})), ElementsAre(0, 1000));
  EXPECT_THAT(values_of<float>(run_node({"Swish", 24}, {x})), ElementsAre(0, 1000));
}

TEST(Unary, GeluIsExactUnlessTheApproximationIsAskedFor) {
  const auto x = Tensor::of<float>({2}, {1, -2});
  const auto near = [](float a, float b) { return Pointwise(FloatNear(1e-6f), std::vector<float>{a, b}); };
  EXPECT_THAT(values_of<float>(run_node({"Gelu"}, {x})), near(0.84134475f, -0.04550026f));
  EXPECT_THAT(values_of<float>(run_node({"Gelu", 20, {{"approximate", std::string("tanh")}}}, {x})),
              near(0.84119199f, -0.04540229f));
  EXPECT_EQ(refusal(run_node({"Gelu", 20, {{"approximate", std::string("sigmoid")}}}, {x})), ErrorCode::invalid_model);
}

TEST(Unary, SeluHadFewerDigitsBeforeOpset6) {
  const auto x = Tensor::of<double>({1}, {1});
  EXPECT_NEAR(values_of<double>(run_node({"Selu", 5}, {x}))[0], 1.0507, 1e-7);
  EXPECT_NEAR(values_of<double>(run_node({"Selu", 6}, {x}))[0], 1.05070102214813, 1e-9);
}

TEST(Unary, IsInfTellsTheSigns) {
  const auto x = Tensor::of<float>({4}, {kInf, -kInf, kNan, 1});
  EXPECT_THAT(values_of<bool>(run_node({"IsInf", 20}, {x})), ElementsAre(true, true, false, false));
  EXPECT_THAT(values_of<bool>(run_node({"IsInf", 20, {{"detect_negative", int64_t{0}}}}, {x})),
              ElementsAre(true, false, false, false));
  EXPECT_THAT(values_of<bool>(run_node({"IsNaN", 20}, {x})), ElementsAre(false, false, true, false));
}

TEST(Unary, ComputesSixteenBitFloatsInFloat) {
  const auto y = run_node({"Exp"}, {Tensor::of<bf16>({1}, {bf16(1.0f)})});
  EXPECT_EQ(static_cast<float>(values_of<bf16>(y)[0]), static_cast<float>(bf16(2.7182818f)));
  const auto z = run_node({"Sqrt"}, {Tensor::of<f16>({1}, {f16(2.0f)})});
  EXPECT_EQ(values_of<f16>(z)[0].bits, f16(1.41421356f).bits);
}

TEST(Unary, FlipsBitsAndTruths) {
  EXPECT_THAT(values_of<uint8_t>(run_node({"BitwiseNot"}, {Tensor::of<uint8_t>({2}, {0, 0x0f})})),
              ElementsAre(255, 0xf0));
  EXPECT_THAT(values_of<bool>(run_node({"Not"}, {Tensor::of<bool>({2}, {true, false})})), ElementsAre(false, true));
}

TEST(Unary, GivesTheSameInBlocksAndInTheirRest) {
  std::vector<float> x(1000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 500;
  const auto y = values_of<float>(run_node({"LeakyRelu", 16, {{"alpha", 0.5f}}}, {Tensor::of<float>({1000}, x)}));
  ASSERT_EQ(y.size(), x.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], x[i] < 0 ? x[i] / 2 : x[i]);
}

TEST(Unary, RefusesDtypesWithoutMeaning) {
  EXPECT_EQ(refusal(run_node({"Exp"}, {Tensor::of<int32_t>({1}, {1})})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Neg"}, {Tensor::of<uint8_t>({1}, {1})})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Not"}, {Tensor::of<uint8_t>({1}, {1})})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
