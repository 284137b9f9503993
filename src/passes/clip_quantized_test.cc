#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(ClipQuantized, BoundsOfBytesBecomeBoundsOfFloats) {
  Graph graph = with_types(parsed(R"(graph (f32[3,40] x) -> (y) {
    s = constant f32[] {0.013}  z = constant u8[] {60}  low = constant u8[] {0}  high = constant u8[] {127}
    q = QuantizeLinear@13(x, s, z)  c = Clip@13(q, low, high)  y = DequantizeLinear@13(c, s, z)
  })"));
  const Graph original = graph;
  const auto record = run_pass(graph, pass_named("clip_quantized"));
  ASSERT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f32[3,40] x) -> (y) {
    s = constant f32[] {0.013}  z = constant u8[] {60}  high = constant f32[] {0.871}
    c = Clip@13(x, _, high)  q = QuantizeLinear@13(c, s, z)  y = DequantizeLinear@13(q, s, z)
  })")));
  expect_same_results(original, graph, 0);
}

TEST(ClipQuantized, EachBoundIsItsLevelAgain) {
  for (const float scale : {0.013f, 0.1f, 1.0f / 3, 7.7e-5f, 23.1f})
    for (int zero = -128; zero < 128; zero += 5)
      for (int level = -128; level < 128; ++level) {
        const float bound = static_cast<float>(level - zero) * scale;
        ASSERT_EQ(std::nearbyint(bound / scale), level - zero);
      }
}

TEST(ClipQuantized, BoundsBehindAProductAreThoseOfItsLevels) {
  Graph graph = with_types(parsed(R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)  ws = constant f32[] {0.01}
    ys = constant f32[] {0.02}  yz = constant u8[] {12}  low = constant u8[] {0}  high = constant u8[] {127}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws)
    p = MatMul@13(d, e)  h = HardSwish@14(p)
    t = QuantizeLinear@21(h, ys, yz)  c = Clip@13(t, low, high)  y = DequantizeLinear@21(c, ys, yz)
  })"));
  const Graph original = graph;
  for (const char* pass : {"clip_quantized", "lower_linear", "fuse_epilogue", "fuse_quantized", "fold_dequantize"})
    ASSERT_TRUE(run_pass(graph, pass_named(pass)).ok());
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  w = constant i8[4,5] random(1)
    m = constant f32[5] fill(1)  ys = constant f32[] {0.02}  yz = constant u8[] {12}
    q = QuantizeLinear@21(x, s, z)
    t = fovea.QMatMul@1(q, w, m) {x_zero=100, w_zero=0, output="u8", y_zero=12, y_factor=50.0, activation="HardSwish",
      alpha=0.0, beta=0.0, low=0, high=127}
    y = DequantizeLinear@21(t, ys, yz)
  })")));
  expect_same_results(original, graph, 0.0201);
}

TEST(ClipQuantized, BoundsThatCrossAreTheUpperOne) {
  for (const std::string high : {"100", "0"}) {
    Graph graph = with_types(parsed(R"(graph (f32[3,40] x) -> (y) {
      s = constant f32[] {0.013}  z = constant u8[] {60}  low = constant u8[] {200}  high = constant u8[] {)" +
                                    high + R"(}
      q = QuantizeLinear@13(x, s, z)  c = Clip@13(q, low, high)  y = DequantizeLinear@13(c, s, z)
    })"));
    const Graph original = graph;
    const auto record = run_pass(graph, pass_named("clip_quantized"));
    ASSERT_TRUE(record.ok()) << record.error().to_string();
    EXPECT_EQ(record->applied, 1);
    expect_same_results(original, graph, 0);
  }
}

}  // namespace
}  // namespace fovea::passes
