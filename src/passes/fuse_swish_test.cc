#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FuseSwish, AProductWithItsOwnSigmoidBecomesSwish) {
  constexpr std::string_view kSwish = R"(graph (f32[2,5] x) -> (y) { y = Swish@24(x) })";
  expect_rewrite("fuse_swish", R"(graph (f32[2,5] x) -> (y) { s = Sigmoid@13(x)  y = Mul@14(x, s) })", kSwish);
  expect_rewrite("fuse_swish", R"(graph (f32[2,5] x) -> (y) { s = Sigmoid@13(x)  y = Mul@14(s, x) })", kSwish);
}

TEST(FuseSwish, TheSigmoidOfAnotherValueStays) {
  expect_unchanged("fuse_swish", R"(graph (f32[2,5] x, f32[2,5] g) -> (y) { s = Sigmoid@13(g)  y = Mul@14(x, s) })");
}

}  // namespace
}  // namespace fovea::passes
