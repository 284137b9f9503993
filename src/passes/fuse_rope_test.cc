#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

constexpr std::string_view kSlices = R"(
    s0 = constant i64[1] {0}  s1 = constant i64[1] {1}  s2 = constant i64[1] {2}  big = constant i64[1] {99}
    half = constant i64[1] {4}  last = constant i64[1] {-1}  tokens = constant i64[1] {-2}
)";

std::string graph_text(std::string_view nodes) {
  return fmt::format("graph (f32[1,2,4,8] x, f32[4,8] c, f32[4,8] s) -> (y) {{ {} {} }}", kSlices, nodes);
}

TEST(FuseRope, NeighboursThatAreTurnedByStackAndReshape) {
  expect_rewrite(
      "fuse_rope", graph_text(R"(
    shape = constant i64[4] {1, 2, 4, 8}
    odd = Slice@13(x, s1, big, last, s2)  even = Slice@13(x, s0, big, last, s2)  neg = Neg@13(odd)
    a = Unsqueeze@13(neg, last)  b = Unsqueeze@13(even, last)  both = Concat@13(a, b) {axis=-1}
    turned = Reshape@14(both, shape)  p = Mul@14(x, c)  q = Mul@14(turned, s)  y = Add@14(p, q)
  )"),
      R"(graph (f32[1,2,4,8] x, f32[4,8] c, f32[4,8] s) -> (y) { y = fovea.Rope@1(x, c, s) {interleaved=1} })");
}

TEST(FuseRope, HalvesThatAreTurnedByConcatInAnyOrderOfOperands) {
  expect_rewrite("fuse_rope", graph_text(R"(
    high = Slice@13(x, half, big, last)  low = Slice@13(x, s0, half, last)  neg = Neg@13(high)
    turned = Concat@13(neg, low) {axis=-1}  p = Mul@14(c, x)  q = Mul@14(s, turned)  y = Add@14(q, p)
  )"),
                 R"(graph (f32[1,2,4,8] x, f32[4,8] c, f32[4,8] s) -> (y) { y = fovea.Rope@1(x, c, s) })");
}

TEST(FuseRope, TokensInFrontThatStayAreSkipped) {
  const std::string_view turn = R"(
    high = Slice@13(rest, half, big, last)  low = Slice@13(rest, s0, half, last)  neg = Neg@13(high)
    turned = Concat@13(neg, low) {axis=-1}  p = Mul@14(rest, c)  q = Mul@14(turned, s)  sum = Add@14(p, q)
    y = Concat@13(front, sum) {axis=2}
  )";
  const auto text = [&](std::string_view slices) {
    return fmt::format("graph (f32[1,2,5,8] x, f32[4,8] c, f32[4,8] s) -> (y) {{ {} {} {} }}", kSlices, slices, turn);
  };
  expect_rewrite("fuse_rope", text("front = Slice@13(x, s0, s1, tokens)  rest = Slice@13(x, s1, big, tokens)"),
                 R"(graph (f32[1,2,5,8] x, f32[4,8] c, f32[4,8] s) -> (y) { y = fovea.Rope@1(x, c, s) {skip=1} })");
  const Graph near_miss = parsed(text("front = Slice@13(x, s1, s2, tokens)  rest = Slice@13(x, s1, big, tokens)"));
  Graph graph = with_types(near_miss);
  const auto record = run_pass(graph, pass_named("fuse_rope"));
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->refused, 1);  // another token in front: only the turn itself is fused
  expect_same_results(near_miss, graph);
}

TEST(FuseRope, AnotherSignIsAnotherFormula) {
  expect_unchanged("fuse_rope", graph_text(R"(
    high = Slice@13(x, half, big, last)  low = Slice@13(x, s0, half, last)  neg = Neg@13(low)
    turned = Concat@13(high, neg) {axis=-1}  p = Mul@14(x, c)  q = Mul@14(turned, s)  y = Add@14(p, q)
  )"));
}

TEST(FuseRope, AValueInsideThatIsUsedElsewhereRefuses) {
  const auto record = expect_unchanged(
      "fuse_rope", fmt::format("graph (f32[1,2,4,8] x, f32[4,8] c, f32[4,8] s) -> (y, p) {{ {} {} }}", kSlices, R"(
    high = Slice@13(x, half, big, last)  low = Slice@13(x, s0, half, last)  neg = Neg@13(high)
    turned = Concat@13(neg, low) {axis=-1}  p = Mul@14(x, c)  q = Mul@14(turned, s)  y = Add@14(p, q)
  )"));
  EXPECT_EQ(record.refused, 1);
}

}  // namespace
}  // namespace fovea::passes
