#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FoldBatchNorm, TheConvolutionTakesScaleAndShift) {
  expect_rewrite("fold_batch_norm", R"(graph (f32[1,3,5,5] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)  b = constant f32[4] random(2)
    s = constant f32[4] random(3)  t = constant f32[4] random(4)  m = constant f32[4] random(5)
    v = constant f32[4] {0.5, 1, 2, 0.25}
    c = Conv@11(x, w, b) {kernel_shape=[1, 1]}
    y = BatchNormalization@15(c, s, t, m, v) {epsilon=0.001}
  })",
                 R"(graph (f32[1,3,5,5] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)  b = constant f32[4] random(2)
    s = constant f32[4] random(3)  t = constant f32[4] random(4)  m = constant f32[4] random(5)
    v = constant f32[4] {0.5, 1, 2, 0.25}
    y = Conv@11(x, w, b) {kernel_shape=[1, 1]}
  })",
                 1e9);
}

TEST(FoldBatchNorm, TheFoldedConvolutionComputesTheSame) {
  const Graph before = parsed(R"(graph (f32[2,4,6,6] x) -> (y) {
    w = constant f32[6,2,3,3] random(1)
    s = constant f32[6] random(3)  t = constant f32[6] random(4)  m = constant f32[6] random(5)
    v = constant f32[6] {0.5, 1, 2, 0.25, 3, 4}
    c = Conv@11(x, w) {group=2, pads=[1, 1, 1, 1]}
    y = BatchNormalization@15(c, s, t, m, v)
  })");
  Graph after = before;
  EXPECT_EQ(run_pass(after, pass_named("fold_batch_norm"))->applied, 1);
  EXPECT_EQ(after.order().size(), 1u);
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, AResultThatIsUsedElsewhereRefuses) {
  const auto record = expect_unchanged("fold_batch_norm", R"(graph (f32[1,3,5,5] x) -> (y, c) {
    w = constant f32[4,3,1,1] random(1)
    s = constant f32[4] random(3)  t = constant f32[4] random(4)  m = constant f32[4] random(5)
    v = constant f32[4] {0.5, 1, 2, 0.25}
    c = Conv@11(x, w)
    y = BatchNormalization@15(c, s, t, m, v)
  })");
  EXPECT_EQ(record.reasons.begin()->first, "the convolution's result is used elsewhere too");
}

}  // namespace
}  // namespace fovea::passes
