#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// Rewrites, counts the nodes that stay, and compares what both graphs compute.
void expect_folds(std::string_view text, size_t nodes) {
  const Graph before = parsed(text);
  Graph after = with_types(before);
  const auto record = run_pass(after, pass_named("fold_scale"));
  ASSERT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(record->applied, 1);
  EXPECT_EQ(after.order().size(), nodes);
  for (NodeId id : after.order()) EXPECT_FALSE(after.node(id).is("Mul"));
  expect_same_results(before, after);
}

TEST(FoldScale, AFactorForEachChannelGoesIntoAConvolutionsWeights) {
  expect_folds(R"(graph (f32[1,2,4,4] x) -> (y) {
    w = constant f32[3,2,1,1] random(1)  b = constant f32[3] {1, 2, 3}  c = constant f32[1,3,1,1] {2, 0.5, -1}
    p = Conv@11(x, w, b)  y = Mul@14(p, c)
  })",
               1);
  expect_folds(R"(graph (f32[1,2,4,4] x) -> (y) {
    w = constant f32[3,2,3,3] random(1)  c = constant f32[3,1,1] {2, 0.5, -1}
    p = Conv@11(x, w)  y = Mul@14(c, p)
  })",
               1);
}

TEST(FoldScale, ItPassesThroughTheBiasBehindALinearLayer) {
  expect_folds(R"(graph (f32[2,3,4] x) -> (y) {
    w = constant f32[4,5] random(1)  b = constant f32[5] random(2)  c = constant f32[5] random(3)
    p = MatMul@13(x, w)  s = Add@14(b, p)  y = Mul@14(s, c)
  })",
               2);
  expect_folds(R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[5,4] random(1)  b = constant f32[5] random(2)  c = constant f32[1,5] random(3)
    p = Gemm@13(x, w, b) {transB=1}  y = Mul@14(p, c)
  })",
               1);
}

TEST(FoldScale, ItPassesThroughATransposeToChannelsFirst) {
  expect_folds(R"(graph (f32[1,2,3,4] x) -> (y) {
    w = constant f32[4,5] random(1)  b = constant f32[5] random(2)  c = constant f32[1,5,1,1] random(3)
    p = MatMul@13(x, w)  s = Add@14(p, b)  t = Transpose@13(s) {perm=[0, 3, 1, 2]}  y = Mul@14(t, c)
  })",
               3);
}

TEST(FoldScale, OneNumberForAllFitsAnyProduct) {
  expect_folds(R"(graph (f32[2,3,4] x) -> (y) {
    w = constant f32[4,5] random(1)  b = constant f32[5] random(2)  c = constant f32[] {0.125}
    p = MatMul@13(x, w)  s = Add@14(p, b)  y = Mul@14(s, c)
  })",
               2);
}

TEST(FoldScale, FactorsAlongAnotherAxisRefuse) {
  const auto record = expect_unchanged("fold_scale", R"(graph (f32[2,5,4] x) -> (y) {
    w = constant f32[4,5] random(1)  c = constant f32[5,1] random(3)
    p = MatMul@13(x, w)  y = Mul@14(p, c)
  })");
  EXPECT_EQ(record.refused, 1);
}

TEST(FoldScale, AProductThatOthersReadStays) {
  expect_unchanged("fold_scale", R"(graph (f32[2,3,4] x) -> (y, p) {
    w = constant f32[4,5] random(1)  c = constant f32[5] random(3)
    p = MatMul@13(x, w)  y = Mul@14(p, c)
  })");
}

TEST(FoldScale, AFactorThatMakesTheProductLargerRefuses) {
  const auto record = expect_unchanged("fold_scale", R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[4,5] random(1)  c = constant f32[2,1,1] random(3)
    p = MatMul@13(x, w)  y = Mul@14(p, c)
  })");
  EXPECT_EQ(record.refused, 1);
}

}  // namespace
}  // namespace fovea::passes
