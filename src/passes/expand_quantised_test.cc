#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// Both graphs quantise their results, so that a difference is a level of `step`.
void expect_expanded(std::vector<std::string_view> names, std::string_view before, std::string_view after,
                     double step) {
  const Graph original = parsed(before);
  Graph graph = parsed(before);
  for (std::string_view name : names) {
    const auto record = run_pass(graph, pass_named(name));
    ASSERT_TRUE(record.ok()) << record.error().to_string();
  }
  EXPECT_EQ(structure(graph), structure(parsed(after)));
  expect_same_results(original, graph, step);
}

TEST(ExpandQuantised, AConvolutionWithItsBias) {
  expect_expanded({"expand_quantised"}, R"(graph (f32[1,3,5,5] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,3,3,3] random(1)
    ws = constant f32[4] {0.01, 0.02, 0.03, 0.04}  wz = constant i8[4] zeros  b = constant i32[4] {10, -20, 300, 5}
    ys = constant f32[] {0.04}  yz = constant u8[] {120}
    q = QuantizeLinear@21(x, s, z)
    r = QLinearConv@10(q, s, z, w, ws, wz, ys, yz, b) {pads=[1, 1, 1, 1]}
    y = DequantizeLinear@21(r, ys, yz)
  })",
                  R"(graph (f32[1,3,5,5] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,3,3,3] random(1)
    ws = constant f32[4] {0.01, 0.02, 0.03, 0.04}  wz = constant i8[4] zeros  b = constant f32[4] fill(1)
    ys = constant f32[] {0.04}  yz = constant u8[] {120}
    q = QuantizeLinear@21(x, s, z)
    d = DequantizeLinear@21(q, s, z) {axis=0}  e = DequantizeLinear@21(w, ws, wz) {axis=0}
    c = Conv@11(d, e, b) {pads=[1, 1, 1, 1]}  r = QuantizeLinear@21(c, ys, yz)
    y = DequantizeLinear@21(r, ys, yz)
  })",
                  0.0401);
}

TEST(ExpandQuantised, OperatorsOfOnnxRuntimesOwnDomain) {
  expect_expanded({"expand_quantised"}, R"(graph (f32[2,3] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,3] random(1)
    ws = constant f32[] {0.01}  wz = constant i8[] {0}  b = constant i32[4] {10, -20, 300, 5}
    ys = constant f32[] {0.02}  yz = constant u8[] {120}
    q = QuantizeLinear@21(x, s, z)
    g = com.microsoft.QGemm@1(q, s, z, w, ws, wz, b, ys, yz) {transB=1}
    a = com.microsoft.QLinearAdd@1(g, ys, yz, g, ys, yz, s, z)
    c = com.microsoft.QLinearConcat@1(ys, yz, a, s, z, g, ys, yz) {axis=1}
    h = com.microsoft.QLinearSigmoid@1(c, ys, yz, ys, yz)
    y = DequantizeLinear@21(h, ys, yz)
  })",
                  R"(graph (f32[2,3] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,3] random(1)
    ws = constant f32[] {0.01}  wz = constant i8[] {0}  b = constant f32[4] fill(1)
    ys = constant f32[] {0.02}  yz = constant u8[] {120}
    q = QuantizeLinear@21(x, s, z)
    d = DequantizeLinear@21(q, s, z) {axis=0}  e = DequantizeLinear@21(w, ws, wz) {axis=0}
    p = Gemm@13(d, e, b) {transB=1}  g = QuantizeLinear@21(p, ys, yz)
    g1 = DequantizeLinear@21(g, ys, yz) {axis=0}  g2 = DequantizeLinear@21(g, ys, yz) {axis=0}
    f = Add@14(g1, g2)  a = QuantizeLinear@21(f, s, z)
    a1 = DequantizeLinear@21(a, s, z) {axis=0}  g3 = DequantizeLinear@21(g, ys, yz) {axis=0}
    k = Concat@13(a1, g3) {axis=1}  c = QuantizeLinear@21(k, ys, yz)
    c1 = DequantizeLinear@21(c, ys, yz) {axis=0}  l = Sigmoid@13(c1)  h = QuantizeLinear@21(l, ys, yz)
    y = DequantizeLinear@21(h, ys, yz)
  })",
                  1e-6);
}

TEST(ExpandDynamic, ProductsOfIntegersAreProductsOfWhatTheyStandFor) {
  const std::string_view before = R"(graph (f32[5,6] x) -> (y) {
    w = constant u8[6,4] random(1)  ws = constant f32[] {0.01}  wz = constant u8[] {131}  b = constant f32[4] random(2)
    q, s, z = DynamicQuantizeLinear@11(x)
    p = MatMulInteger@10(q, w, z, wz)  c = Cast@13(p) {to=1}  m = Mul@13(s, ws)  r = Mul@13(c, m)  y = Add@13(r, b)
  })";
  expect_expanded({"expand_dynamic"}, before, R"(graph (f32[5,6] x) -> (y) {
    w = constant u8[6,4] random(1)  ws = constant f32[] {0.01}  wz = constant u8[] {131}  b = constant f32[4] random(2)
    q, s, z = DynamicQuantizeLinear@11(x)
    d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws, wz) {axis=1}
    r = MatMul@13(d, e)  y = Add@13(r, b)
  })",
                  1e-5);
  // And with all that follows one product of bytes, whose scale is computed.
  Graph graph = parsed(before);
  ASSERT_TRUE(run_pass(graph, pass_named("expand_dynamic")).ok());
  graph = with_types(graph);
  for (const char* name : {"lower_linear", "fuse_epilogue", "fuse_quantized"})
    ASSERT_TRUE(run_pass(graph, pass_named(name)).ok());
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f32[5,6] x) -> (y) {
    w = constant u8[6,4] random(1)  m = constant f32[4] fill(1)  b = constant f32[4] random(2)
    q, s, z = DynamicQuantizeLinear@11(x)
    y = fovea.QMatMul@1(q, w, m, _, b, _, _, _, s, z) {x_zero=0, w_zero=131}
  })")));
  expect_same_results(parsed(before), graph, 1e-5);
}

}  // namespace
}  // namespace fovea::passes
