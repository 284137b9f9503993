#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(CancelMoves, ThereAndBackAroundAReshapeIsAReshape) {
  expect_rewrite("cancel_moves", R"(graph (f32[1,2,3,4] x) -> (y) {
    s = constant i64[3] {1, 4, 6}
    t = Transpose@13(x) {perm=[0, 3, 1, 2]}  r = Reshape@14(t, s)  y = Transpose@13(r) {perm=[0, 2, 1]}
  })",
                 R"(graph (f32[1,2,3,4] x) -> (y) {
    s = constant i64[3] {1, 6, 4}
    y = Reshape@14(x, s)
  })");
}

TEST(CancelMoves, AnotherOrderStays) {
  const auto record = expect_unchanged("cancel_moves", R"(graph (f32[1,2,3,4] x) -> (y) {
    s = constant i64[3] {1, 6, 4}
    r = Reshape@14(x, s)  y = Transpose@13(r) {perm=[0, 2, 1]}
  })");
  EXPECT_EQ(record.no_effect, 1);
}

TEST(CancelMoves, PartOfATensorIsNotTheWhole) {
  expect_unchanged("cancel_moves", R"(graph (f32[2,4] x) -> (y) {
    a = constant i64[1] {0}  e = constant i64[1] {2}  axes = constant i64[1] {0}
    t = Transpose@13(x)  s = Slice@13(t, a, e, axes)  y = Transpose@13(s)
  })");
}

}  // namespace
}  // namespace fovea::passes
