#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

constexpr std::string_view kGelu = R"(graph (f32[2,5] x) -> (y) { y = Gelu@20(x) })";

TEST(FuseGelu, TheFormulaInEachOrderBecomesGelu) {
  expect_rewrite("fuse_gelu", R"(graph (f32[2,5] x) -> (y) {
    root = constant f32[] {1.4142135}  one = constant f32[] {1}  half = constant f32[] {0.5}
    d = Div@14(x, root)  e = Erf@13(d)  s = Add@14(e, one)  p = Mul@14(x, s)  y = Mul@14(p, half)
  })",
                 kGelu);
  expect_rewrite("fuse_gelu", R"(graph (f32[2,5] x) -> (y) {
    root = constant f32[] {0.70710677}  one = constant f32[1] {1}  half = constant f32[1] {0.5}
    h = Mul@14(half, x)  d = Mul@14(root, x)  e = Erf@13(d)  s = Add@14(one, e)  y = Mul@14(h, s)
  })",
                 kGelu);
}

TEST(FuseGelu, AnotherNumberIsAnotherFormula) {
  const auto record = expect_unchanged("fuse_gelu", R"(graph (f32[2,5] x) -> (y) {
    root = constant f32[] {1.5}  one = constant f32[] {1}  half = constant f32[] {0.5}
    d = Div@14(x, root)  e = Erf@13(d)  s = Add@14(e, one)  p = Mul@14(x, s)  y = Mul@14(p, half)
  })");
  EXPECT_EQ(record.refused, 0);
}

TEST(FuseGelu, AValueInsideThatIsUsedElsewhereRefuses) {
  const auto record = expect_unchanged("fuse_gelu", R"(graph (f32[2,5] x) -> (y, e) {
    root = constant f32[] {1.4142135}  one = constant f32[] {1}  half = constant f32[] {0.5}
    d = Div@14(x, root)  e = Erf@13(d)  s = Add@14(e, one)  p = Mul@14(x, s)  y = Mul@14(p, half)
  })");
  EXPECT_EQ(record.refused, 1);
}

}  // namespace
}  // namespace fovea::passes
