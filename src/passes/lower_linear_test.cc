#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(LowerLinear, MatMulAndGemmWithConstantWeightsBecomeOneOperator) {
  expect_rewrite("lower_linear", R"(graph (f32[2,3,4] x) -> (y) {
    w = constant f32[4,5] random(1)
    y = MatMul@13(x, w)
  })",
                 R"(graph (f32[2,3,4] x) -> (y) {
    w = constant f32[4,5] random(1)
    y = fovea.MatMul@1(x, w)
  })");
  expect_rewrite("lower_linear", R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[5,4] random(1)  b = constant f32[5] random(2)
    y = Gemm@13(x, w, b) {transB=1}
  })",
                 R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[5,4] random(1)  b = constant f32[5] random(2)
    y = fovea.MatMul@1(x, w, b) {transpose_b=1}
  })");
}

TEST(LowerLinear, FactorsRefuse) {
  const auto record = expect_unchanged("lower_linear", R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[4,5] random(1)
    y = Gemm@13(x, w) {alpha=0.5}
  })");
  EXPECT_EQ(record.refused, 1);
}

TEST(LowerLinear, AProductOfTwoComputedOperandsIsNoLinearLayer) {
  expect_unchanged("lower_linear", R"(graph (f32[3,4] x, f32[4,2] z) -> (y) { y = MatMul@13(x, z) })");
}

}  // namespace
}  // namespace fovea::passes
