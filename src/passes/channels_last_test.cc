#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(ChannelsLast, AChainOfConvolutionsIsTransposedAtItsEndsOnly) {
  expect_rewrite("channels_last", R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,3,3] random(1)  v = constant f32[4,4,1,1] random(2)
    a = Conv@11(x, w) {pads=[1, 1, 1, 1]}
    b = Relu@14(a)
    c = MaxPool@12(b) {kernel_shape=[2, 2], strides=[2, 2]}
    y = Conv@11(c, v)
  })",
                 R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,3,3] random(1)  v = constant f32[4,4,1,1] random(2)
    t = Transpose@13(x) {perm=[0, 2, 3, 1]}
    a = fovea.Conv@1(t, w) {pads=[1, 1, 1, 1]}
    b = Relu@14(a)
    c = fovea.MaxPool@1(b) {kernel_shape=[2, 2], strides=[2, 2]}
    d = fovea.Conv@1(c, v)
    y = Transpose@13(d) {perm=[0, 3, 1, 2]}
  })");
}

TEST(ChannelsLast, ResidualsSqueezeAndExciteAndConcatStayInside) {
  expect_rewrite("channels_last", R"(graph (f32[1,4,6,6] x) -> (y) {
    w = constant f32[4,4,1,1] random(1)  v = constant f32[4,4,1,1] random(2)  g = constant f32[4,1,1] random(3)
    axes = constant i64[2] {2, 3}
    a = Conv@11(x, w)
    m = ReduceMean@18(a, axes) {keepdims=1}
    e = Conv@11(m, v)
    s = Sigmoid@13(e)
    p = Mul@14(a, s)
    q = Mul@14(p, g)
    r = Add@14(q, x)
    y = Concat@13(r, a) {axis=1}
  })",
                 R"(graph (f32[1,4,6,6] x) -> (y) {
    w = constant f32[4,4,1,1] random(1)  v = constant f32[4,4,1,1] random(2)  g = constant f32[1,1,1,4] random(3)
    axes = constant i64[2] {1, 2}
    t = Transpose@13(x) {perm=[0, 2, 3, 1]}
    a = fovea.Conv@1(t, w)
    m = ReduceMean@18(a, axes) {keepdims=1}
    e = fovea.Conv@1(m, v)
    s = Sigmoid@13(e)
    p = Mul@14(a, s)
    q = Mul@14(p, g)
    r = Add@14(q, t)
    z = Concat@13(r, a) {axis=3}
    y = Transpose@13(z) {perm=[0, 3, 1, 2]}
  })");
}

TEST(ChannelsLast, TheModelsOwnTransposesBetweenTheLayoutsVanish) {
  expect_rewrite("channels_last", R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,2,2] random(1)  v = constant f32[4,4,1,1] random(2)
    s = constant f32[4] random(3)  b = constant f32[4] random(4)
    a = Conv@11(x, w) {strides=[2, 2]}
    n = Transpose@13(a) {perm=[0, 2, 3, 1]}
    l = LayerNormalization@17(n, s, b)
    f = Transpose@13(l) {perm=[0, 3, 1, 2]}
    y = Conv@11(f, v)
  })",
                 R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,2,2] random(1)  v = constant f32[4,4,1,1] random(2)
    s = constant f32[4] random(3)  b = constant f32[4] random(4)
    t = Transpose@13(x) {perm=[0, 2, 3, 1]}
    a = fovea.Conv@1(t, w) {strides=[2, 2]}
    l = LayerNormalization@17(a, s, b)
    d = fovea.Conv@1(l, v)
    y = Transpose@13(d) {perm=[0, 3, 1, 2]}
  })");
}

TEST(ChannelsLast, AnInferenceBatchNormThatNoConvolutionTookIsScaledAndShifted) {
  const Graph before = parsed(R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)
    s = constant f32[4] random(3)  t = constant f32[4] random(4)  m = constant f32[4] random(5)
    v = constant f32[4] {0.5, 1, 2, 0.25}
    a = Conv@11(x, w)
    r = Relu@14(a)
    n = BatchNormalization@15(r, s, t, m, v)
    y = Add@14(n, a)
  })");
  Graph after = with_types(before);
  ASSERT_TRUE(run_pass(after, pass_named("channels_last")).ok());
  int depthwise = 0;
  for (NodeId id : after.order()) {
    EXPECT_NE(after.node(id).op_type, "BatchNormalization");
    depthwise += after.node(id).attributes.contains("group") ? 1 : 0;
  }
  EXPECT_EQ(depthwise, 1);
  expect_same_results(before, after);
}

TEST(ChannelsLast, WhatTheLayoutsCannotShareIsTransposedBack) {
  const Graph before = parsed(R"(graph (f32[1,3,6,6] x) -> (y, a, z) {
    w = constant f32[4,3,1,1] random(1)  shape = constant i64[3] {1, 4, 36}
    a = Conv@11(x, w)
    r = Reshape@14(a, shape)
    y = Softmax@13(r) {axis=-1}
    b = Relu@14(a)
    z = Softmax@13(b) {axis=1}
  })");
  Graph after = with_types(before);
  ASSERT_TRUE(run_pass(after, pass_named("channels_last")).ok());
  expect_same_results(before, after);
}

}  // namespace
}  // namespace fovea::passes
