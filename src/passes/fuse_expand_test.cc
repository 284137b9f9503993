#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FuseExpand, ALargeMapBetweenPointwiseAndDepthwiseVanishes) {
  expect_rewrite("fuse_expand", R"(graph (f32[1,66,66,8] x) -> (y) {
    w1 = constant f32[64,8,1,1] random(1)  b1 = constant f32[64] random(2)  w2 = constant f32[64,1,3,3] random(3)
    m = fovea.Conv@1(x, w1, b1) {activation="Clip", alpha=0.0, beta=6.0}
    y = fovea.Conv@1(m, w2) {group=64, strides=[2, 2], pads=[1, 1, 1, 1], activation="Relu"}
  })",
                 R"(graph (f32[1,66,66,8] x) -> (y) {
    w1 = constant f32[64,8,1,1] random(1)  b1 = constant f32[64] random(2)  w2 = constant f32[64,1,3,3] random(3)
    y = fovea.Conv@1(x, w2, _, _, w1, b1) {group=64, strides=[2, 2], pads=[1, 1, 1, 1], activation="Relu", expand="Clip",
                                         expand_alpha=0.0, expand_beta=6.0}
  })");
}

TEST(FuseExpand, ASmallMapStaysWhereItIs) {
  expect_unchanged("fuse_expand", R"(graph (f32[1,14,14,8] x) -> (y) {
    w1 = constant f32[64,8,1,1] random(1)  w2 = constant f32[64,1,3,3] random(3)
    m = fovea.Conv@1(x, w1)  y = fovea.Conv@1(m, w2) {group=64}
  })");
}

TEST(FuseExpand, AMapThatOthersReadRefuses) {
  const auto record = expect_unchanged("fuse_expand", R"(graph (f32[1,66,66,8] x) -> (y, m) {
    w1 = constant f32[64,8,1,1] random(1)  w2 = constant f32[64,1,3,3] random(3)
    m = fovea.Conv@1(x, w1)  y = fovea.Conv@1(m, w2) {group=64}
  })");
  EXPECT_EQ(record.refused, 1);
}

}  // namespace
}  // namespace fovea::passes
