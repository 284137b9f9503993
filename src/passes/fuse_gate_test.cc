#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FuseGate, HalvesOfOneProductBecomeOneStep) {
  expect_rewrite("fuse_gate", R"(graph (f32[2,3,8] x) -> (y) {
    a, b = Split@18(x) {axis=2, num_outputs=2}  g = Swish@24(a)  y = Mul@14(g, b)
  })",
                 R"(graph (f32[2,3,8] x) -> (y) {
    y = fovea.Gate@1(x, x) {shape=[2, 3, 4], a=[0, 8], b=[4, 8], activation="Swish"}
  })");
}

TEST(FuseGate, TheGateMayBeTheSecondPartAndAnotherFunction) {
  expect_rewrite("fuse_gate", R"(graph (f32[3,8] x) -> (y) {
    zero = constant i64[1] {0}  four = constant i64[1] {4}  eight = constant i64[1] {8}  one = constant i64[1] {1}
    a = Slice@13(x, zero, four, one)  b = Slice@13(x, four, eight, one)  g = Gelu@20(b)  y = Mul@14(a, g)
  })",
                 R"(graph (f32[3,8] x) -> (y) {
    y = fovea.Gate@1(x, x) {shape=[3, 4], a=[4, 8], b=[0, 8], activation="Gelu"}
  })");
}

TEST(FuseGate, AGateThatOthersReadRefuses) {
  const auto record = expect_unchanged("fuse_gate", R"(graph (f32[2,3,8] x) -> (y, g) {
    a, b = Split@18(x) {axis=2, num_outputs=2}  g = Swish@24(a)  y = Mul@14(g, b)
  })");
  EXPECT_EQ(record.refused, 1);
}

TEST(FuseGate, TwoValuesOfTheirOwnAreLeftToTheirProducts) {
  expect_unchanged("fuse_gate", R"(graph (f32[2,8] x, f32[2,8] z) -> (y) { g = Swish@24(x)  y = Mul@14(g, z) })");
}

}  // namespace
}  // namespace fovea::passes
