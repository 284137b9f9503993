#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FuseEpilogue, BiasActivationAndResidualGoIntoTheProduct) {
  expect_rewrite("fuse_epilogue", R"(graph (f32[3,4] x, f32[3,5] r) -> (y) {
    w = constant f32[4,5] random(1)  b = constant f32[5] random(2)
    p = fovea.MatMul@1(x, w)  q = Add@14(b, p)  s = Add@14(q, r)  y = Relu@14(s)
  })",
                 R"(graph (f32[3,4] x, f32[3,5] r) -> (y) {
    w = constant f32[4,5] random(1)  b = constant f32[5] random(2)
    y = fovea.MatMul@1(x, w, b, r) {activation="Relu", alpha=0.0, beta=0.0}
  })");
}

TEST(FuseEpilogue, AResidualBehindTheActivationSaysSo) {
  expect_rewrite("fuse_epilogue", R"(graph (f32[1,4,4,3] x, f32[1,4,4,8] r) -> (y) {
    w = constant f32[8,3,1,1] random(1)
    p = fovea.Conv@1(x, w)  q = Gelu@20(p)  y = Add@14(r, q)
  })",
                 R"(graph (f32[1,4,4,3] x, f32[1,4,4,8] r) -> (y) {
    w = constant f32[8,3,1,1] random(1)
    y = fovea.Conv@1(x, w, _, r) {activation="Gelu", alpha=0.0, beta=0.0, residual_last=1}
  })");
}

TEST(FuseEpilogue, ClipsBoundsBecomeParameters) {
  expect_rewrite("fuse_epilogue", R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[4,5] random(1)  low = constant f32[] {0}  high = constant f32[] {6}
    p = fovea.MatMul@1(x, w)  y = Clip@13(p, low, high)
  })",
                 R"(graph (f32[3,4] x) -> (y) {
    w = constant f32[4,5] random(1)
    y = fovea.MatMul@1(x, w) {activation="Clip", alpha=0.0, beta=6.0}
  })");
}

TEST(FuseEpilogue, AProductThatIsUsedElsewhereStays) {
  expect_unchanged("fuse_epilogue", R"(graph (f32[3,4] x) -> (y, p) {
    w = constant f32[4,5] random(1)
    p = fovea.MatMul@1(x, w)  y = Relu@14(p)
  })");
}

TEST(FuseEpilogue, ASumThatBroadcastsTheProductRefuses) {
  const auto record = expect_unchanged("fuse_epilogue", R"(graph (f32[1,4] x, f32[3,5] r) -> (y) {
    w = constant f32[4,5] random(1)
    p = fovea.MatMul@1(x, w)  y = Add@14(p, r)
  })");
  EXPECT_EQ(record.reasons.begin()->first, "the sum is larger than the product");
}

}  // namespace
}  // namespace fovea::passes
