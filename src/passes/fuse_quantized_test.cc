#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// Runs passes in the pipeline's order and compares what is left; results may differ by a level of `step`.
void expect_passes(std::vector<std::string_view> names, std::string_view before, std::string_view after, double step) {
  const Graph original = parsed(before);
  Graph graph = with_types(original);
  for (std::string_view name : names) {
    const auto record = run_pass(graph, pass_named(name));
    ASSERT_TRUE(record.ok()) << record.error().to_string();
  }
  EXPECT_EQ(structure(graph), structure(parsed(after)));
  expect_same_results(original, graph, step);
}

TEST(FuseQuantized, AProductBetweenQuantisationsIsOneNode) {
  expect_passes({"lower_linear", "fuse_epilogue", "fuse_quantized", "fold_dequantize"},
                R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)
    ws = constant f32[5] {0.01, 0.02, 0.03, 0.04, 0.05}  b = constant f32[5] {0.001, 0.0, 0.003, -0.002, 0.0025}
    ys = constant f32[] {0.02}  yz = constant u8[] {12}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws) {axis=1}
    p = MatMul@13(d, e)  a = Add@14(p, b)  r = Relu@14(a)
    t = QuantizeLinear@21(r, ys, yz)  y = DequantizeLinear@21(t, ys, yz)
  })",
                R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)
    m = constant f32[5] fill(1)  b = constant i32[5] fill(1)
    ys = constant f32[] {0.02}  yz = constant u8[] {12}
    q = QuantizeLinear@21(x, s, z)
    t = fovea.QMatMul@1(q, w, m, b) {x_zero=100, w_zero=0, output="u8", y_zero=12, low=12, high=255}
    y = DequantizeLinear@21(t, ys, yz)
  })",
                0.0201);
}

TEST(FuseQuantized, ABiasThatIsNotWholeIsAnOffset) {
  expect_passes({"lower_linear", "fuse_epilogue", "fuse_quantized"},
                R"(graph (f32[3,4] x) -> (p) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant u8[4,5] random(1)
    ws = constant f32[] {0.01}  wz = constant u8[] {131}  b = constant f32[5] random(4)
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws, wz)
    p = Gemm@13(d, e, b)
  })",
                R"(graph (f32[3,4] x) -> (p) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant u8[4,5] random(1)
    m = constant f32[5] fill(1)  b = constant f32[5] fill(1)
    q = QuantizeLinear@21(x, s, z)
    p = fovea.QMatMul@1(q, w, m, _, b) {x_zero=100, w_zero=131}
  })",
                1e-5);
}

TEST(FuseQuantized, AConvolutionWithItsResidual) {
  expect_passes({"channels_last", "move_dequantize", "fuse_epilogue", "fuse_quantized", "fold_dequantize"},
                R"(graph (f32[1,3,5,5] x, f32[1,8,5,5] r) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[8,3,3,3] random(1)  ws = constant f32[] {0.01}
    ys = constant f32[] {0.04}  yz = constant u8[] {0}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws)
    rq = QuantizeLinear@21(r, s, z)  rd = DequantizeLinear@21(rq, s, z)
    c = Conv@11(d, e) {pads=[1, 1, 1, 1]}  a = Add@14(c, rd)  f = Relu@14(a)
    t = QuantizeLinear@21(f, ys, yz)  y = DequantizeLinear@21(t, ys, yz)
  })",
                R"(graph (f32[1,3,5,5] x, f32[1,8,5,5] r) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[8,3,3,3] random(1)
    m = constant f32[8] fill(1)  ys = constant f32[] {0.04}  yz = constant u8[] {0}
    q = QuantizeLinear@21(x, s, z)  rq = QuantizeLinear@21(r, s, z)
    k = Transpose@13(q) {perm=[0, 2, 3, 1]}  rk = Transpose@13(rq) {perm=[0, 2, 3, 1]}
    t = fovea.QConv@1(k, w, m, _, _, rk) {pads=[1, 1, 1, 1], x_zero=100, w_zero=0, output="u8", y_zero=0,
      residual_scale=1.25, residual_zero=100, low=0, high=255}
    u = Transpose@13(t) {perm=[0, 3, 1, 2]}
    y = DequantizeLinear@21(u, ys, yz) {axis=3}
  })",
                0.0401);
}

TEST(FuseQuantized, ComputedOperandsAndMeans) {
  expect_passes({"fuse_quantized"}, R"(graph (f32[2,6,4] a, f32[2,4,5] b) -> (y, z) {
    s = constant f32[] {0.05}  q = constant u8[] {100}  axes = constant i64[1] {1}
    aq = QuantizeLinear@21(a, s, q)  ad = DequantizeLinear@21(aq, s, q)
    bq = QuantizeLinear@21(b, s, q)  bd = DequantizeLinear@21(bq, s, q)
    y = MatMul@13(ad, bd)
    m = ReduceMean@18(ad, axes) {keepdims=0}  n = QuantizeLinear@21(m, s, q)  z = DequantizeLinear@21(n, s, q)
  })",
                R"(graph (f32[2,6,4] a, f32[2,4,5] b) -> (y, z) {
    s = constant f32[] {0.05}  q = constant u8[] {100}  m = constant f32[5] fill(1)
    aq = QuantizeLinear@21(a, s, q)  bq = QuantizeLinear@21(b, s, q)
    y = fovea.QMatMul@1(aq, bq, m) {x_zero=100, w_zero=100}
    n = fovea.QMean@1(aq) {count=1, keepdims=0, x_zero=100, factor=1.0, output="u8", y_zero=100}
    z = DequantizeLinear@21(n, s, q)
  })",
                0.0501);
}

TEST(FuseQuantized, SumsAndLookupsGoBehindTheProduct) {
  expect_passes({"lower_linear", "fuse_lookup", "fuse_quantized", "fuse_quantized_chain"},
                R"(graph (f32[3,4] x, f32[3,5] r) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)  ws = constant f32[] {0.01}
    b = constant f32[5] random(4)  t = constant f32[] {0.03}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws)
    rq = QuantizeLinear@21(r, s, z)  rd = DequantizeLinear@21(rq, s, z)
    p = MatMul@13(d, e)  pq = QuantizeLinear@21(p, s, z)  pd = DequantizeLinear@21(pq, s, z)
    a = Add@14(b, pd)  aq = QuantizeLinear@21(a, t, z)  ad = DequantizeLinear@21(aq, t, z)
    c = Add@14(ad, rd)  cq = QuantizeLinear@21(c, t, z)  cd = DequantizeLinear@21(cq, t, z)
    g = Gelu@20(cd)  gq = QuantizeLinear@21(g, t, z)  y = DequantizeLinear@21(gq, t, z)
  })",
                R"(graph (f32[3,4] x, f32[3,5] r) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)
    b = constant f32[5] random(4)  t = constant f32[] {0.03}  m = constant f32[5] fill(1)  table = constant u8[256] zeros
    q = QuantizeLinear@21(x, s, z)  rq = QuantizeLinear@21(r, s, z)
    gq = fovea.QMatMul@1(q, w, m, _, _, rq, b, table) {x_zero=100, w_zero=0, output="u8", row_zero=100, inner_zero=100,
      y_zero=100, row_scale=1.667, inner_scale=1.0, residual_scale=1.667, residual_zero=100}
    y = DequantizeLinear@21(gq, t, z)
  })",
                0.0301);
}

TEST(FuseQuantized, WeightsWithoutDequantisedActivationsAreFolded) {
  Graph graph = with_types(parsed(R"(graph (f32[3,4] x) -> (y) {
    w = constant i8[4,5] random(1)  ws = constant f32[] {0.01}  e = DequantizeLinear@21(w, ws)  y = MatMul@13(x, e)
  })"));
  EXPECT_EQ(graph.order().size(), 1u);
}

TEST(FuseQuantized, ZeroPointsOfWeightsThatDiffer) {
  expect_passes({"fuse_quantized", "fold_dequantize"}, R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    w = constant u8[4,2] random(1)  ws = constant f32[2] {0.01, 0.02}  wz = constant u8[2] {3, 4}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws, wz) {axis=1}
    y = MatMul@13(d, e)
  })",
                R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant u8[4,2] random(1)  m = constant f32[2] fill(1)
    n = constant i32[2] {3, 4}
    q = QuantizeLinear@21(x, s, z)
    y = fovea.QMatMul@1(q, w, m, _, _, _, _, _, _, _, n) {x_zero=100}
  })",
                1e-5);
  Graph graph = with_types(parsed(R"(graph (f32[3,4] x, f32[4,2] v) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  ws = constant f32[2] {0.01, 0.02}  wz = constant u8[2] {3, 4}
    w = QuantizeLinear@21(v, ws, wz) {axis=1}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws, wz) {axis=1}
    y = MatMul@13(d, e)
  })"));
  const auto record = run_pass(graph, pass_named("fuse_quantized"));
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->applied, 0);
  EXPECT_EQ(record->reasons.begin()->first, "zero points of a computed operand that differ");
}

TEST(FuseQuantized, ADepthwiseConvolutionTakesScalesForEachChannel) {
  for (
      const auto& [function, after] : std::vector<std::pair<std::string, std::string>>{
          {"Relu@14(p)", "m, b, _, _, _, _, _, _, _, _, l) {x_zero=128, w_zero=0"},
          {"HardSwish@14(p)",
           R"(m, b, _, _, _, _, _, _, _, _, l, f) {x_zero=128, w_zero=0, alpha=0.0, beta=0.0, activation="HardSwish")"}})
    expect_passes(
        {"unsigned_bytes", "channels_last", "move_dequantize", "fuse_epilogue", "fuse_quantized", "fold_dequantize"},
        fmt::format(R"(graph (f32[1,2,5,5] x) -> (y) {{
    s = constant f32[] {{0.02}}  z = constant i8[] {{0}}  w = constant i8[3,2,1,1] random(1)
    ws = constant f32[3] {{0.01, 0.02, 0.005}}  b = constant f32[3] {{0.002, -0.004, 0.001}}
    s3 = constant f32[3] {{0.02, 0.04, 0.03}}  z3 = constant i8[3] {{-128, 4, -3}}  v = constant i8[3,1,3,3] random(2)
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws) {{axis=0}}
    p = Conv@11(d, e, b)  r = {}  rq = QuantizeLinear@21(r, s3, z3) {{axis=1}}
    rd = DequantizeLinear@21(rq, s3, z3) {{axis=1}}  ve = DequantizeLinear@21(v, s)
    y = Conv@11(rd, ve) {{group=3, pads=[1, 1, 1, 1]}}
  }})",
                    function),
        fmt::format(R"(graph (f32[1,2,5,5] x) -> (y) {{
    s = constant f32[] {{0.02}}  z = constant u8[] {{128}}  w = constant i8[3,2,1,1] random(1)
    m = constant f32[3] fill(1)  b = constant i32[3] fill(1)  v = constant i8[3,1,3,3] random(2)
    l = constant i32[3,3] fill(1)  f = constant f32[3] fill(1)  z3 = constant i32[3] fill(1)
    q = QuantizeLinear@21(x, s, z)  k = Transpose@13(q) {{perm=[0, 2, 3, 1]}}
    r = fovea.QConv@1(k, w, {}, output="u8"}}
    c = fovea.QConv@1(r, v, m, _, _, _, _, _, _, _, _, z3) {{group=3, pads=[1, 1, 1, 1], w_zero=0}}
    y = Transpose@13(c) {{perm=[0, 3, 1, 2]}}
  }})",
                    after),
        0.05);
}

TEST(FuseQuantized, MeansWithBoundsInFrontOfTheQuantisation) {
  // What clip_quantized makes of PyTorch's ranges of 7 bits; and bounds that cross, of which the upper one is left.
  for (const auto& [clip, low, high] : std::vector<std::array<std::string, 3>>{
           {"Relu@14(m)", "100", "255"}, {"Clip@13(m, _, a)", "0", "110"}, {"Clip@13(m, b, a)", "110", "110"}})
    expect_passes({"fuse_quantized"},
                  fmt::format(R"(graph (f32[2,6,4] x) -> (z) {{
    s = constant f32[] {{0.05}}  q = constant u8[] {{100}}  axes = constant i64[1] {{1}}
    a = constant f32[] {{0.5}}  b = constant f32[] {{0.75}}
    xq = QuantizeLinear@21(x, s, q)  xd = DequantizeLinear@21(xq, s, q)
    m = ReduceMean@18(xd, axes) {{keepdims=0}}  c = {}
    n = QuantizeLinear@21(c, s, q)  z = DequantizeLinear@21(n, s, q)
  }})",
                              clip),
                  fmt::format(R"(graph (f32[2,6,4] x) -> (z) {{
    s = constant f32[] {{0.05}}  q = constant u8[] {{100}}
    xq = QuantizeLinear@21(x, s, q)
    n = fovea.QMean@1(xq) {{count=1, keepdims=0, x_zero=100, factor=1.0, output="u8", y_zero=100, low={}, high={}}}
    z = DequantizeLinear@21(n, s, q)
  }})",
                              low, high),
                  0.0501);
}

TEST(FuseQuantized, ZeroPointsOfSeveralMatricesThatDiffer) {
  Graph graph = with_types(parsed(R"(graph (f32[2,3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    w = constant u8[2,4,2] random(1)  ws = constant f32[2] {0.01, 0.02}  wz = constant u8[2] {3, 4}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws, wz) {axis=2}
    y = MatMul@13(d, e)
  })"));
  const auto record = run_pass(graph, pass_named("fuse_quantized"));
  ASSERT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(record->applied, 0);
  EXPECT_TRUE(record->reasons.contains("zero points that differ, of several matrices"));
}

TEST(FuseQuantized, ATableForEachChannelStaysBehindTheProduct) {
  expect_unchanged("fuse_quantized_chain", R"(graph (u8[3,4] x) -> (y) {
    w = constant i8[4,5] random(1)  m = constant f32[5] fill(0.01)  t = constant u8[5,256] random(2)
    p = fovea.QMatMul@1(x, w, m) {output="u8"}  y = fovea.QLookup@1(p, t)
  })");
}

}  // namespace
}  // namespace fovea::passes
