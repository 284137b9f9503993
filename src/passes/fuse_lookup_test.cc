#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(FuseLookup, AFormulaOverOneTensorIsATable) {
  expect_rewrite("fuse_lookup", R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  t = constant f32[] {0.03}  three = constant f32[1] {3}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    h = Sigmoid@13(d)  hq = QuantizeLinear@21(h, t, z)  hd = DequantizeLinear@21(hq, t, z)
    m = Mul@14(d, hd)  n = Div@14(m, three)  nq = QuantizeLinear@21(n, s, z)  y = DequantizeLinear@21(nq, s, z)
  })",
                 R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  table = constant u8[256] zeros
    q = QuantizeLinear@21(x, s, z)  l = fovea.QLookup@1(q, table)  y = DequantizeLinear@21(l, s, z)
  })",
                 10);  // the second graph's table is another
}

TEST(FuseLookup, TheTableIsExact) {
  const Graph original = parsed(R"(graph (f32[300] x) -> (y) {
    s = constant f32[] {0.01}  z = constant i8[] {7}  t = constant f32[] {0.02}  u = constant u8[] {128}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  g = Gelu@20(d)
    gq = QuantizeLinear@21(g, t, u)  y = DequantizeLinear@21(gq, t, u)
  })");
  Graph graph = with_types(original);
  EXPECT_EQ(run_pass(graph, pass_named("fuse_lookup"))->applied, 1);
  expect_same_results(original, graph, 0);
}

TEST(FuseLookup, QuantisingAgainAlikeDoesNothing) {
  expect_rewrite("fuse_lookup", R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = QuantizeLinear@21(d, s, z)
    y = DequantizeLinear@21(e, s, z)
  })",
                 R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  y = DequantizeLinear@21(q, s, z)
  })");
}

TEST(FuseLookup, TwoSourcesAreNoLookup) {
  expect_unchanged("fuse_lookup", R"(graph (f32[2,6] x, f32[2,6] w) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    r = QuantizeLinear@21(w, s, z)  e = DequantizeLinear@21(r, s, z)
    a = Add@14(d, e)  y = QuantizeLinear@21(a, s, z)
  })");
}

}  // namespace
}  // namespace fovea::passes
