#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// What quantised models of PyTorch have: a weight {columns, depth} with a scale for each column, then its transpose.
constexpr std::string_view kBefore = R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    w = constant i8[5,4] random(1)  ws = constant f32[5] {0.01, 0.02, 0.03, 0.04, 0.05}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws) {axis=0}
    t = Transpose@13(e) {perm=[1, 0]}
    y = MatMul@13(d, t)
  })";

TEST(TurnWeights, AWeightOfAProductOfBytesIsTurnedAsBytes) {
  Graph graph = with_types(parsed(kBefore));
  const Graph original = graph;
  const auto record = run_pass(graph, pass_named("turn_weights"));
  ASSERT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(record->applied, 1);
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f32[3,4] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    w = constant i8[4,5] random(1)  ws = constant f32[5] {0.01, 0.02, 0.03, 0.04, 0.05}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  e = DequantizeLinear@21(w, ws) {axis=1}
    y = MatMul@13(d, e)
  })")));
  expect_same_results(original, graph, 0);
  ASSERT_TRUE(run_pass(graph, pass_named("fuse_quantized")).ok());
  EXPECT_TRUE(graph.node(graph.order().back()).is("QMatMul", "fovea"));
}

TEST(TurnWeights, OthersStay) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"MatMul@13(d, t)", "MatMul@13(x, t)"},  // float activations: narrow_weights keeps it
           {"{perm=[1, 0]}\n    y = MatMul@13(d, t)", "{perm=[0, 1]}\n    y = Gemm@13(d, t) {transB=1}"}}) {
    std::string text(kBefore);
    text.replace(text.find(from), from.size(), to);
    Graph graph = parsed(text);
    const auto record = run_pass(graph, pass_named("turn_weights"));
    ASSERT_TRUE(record.ok()) << record.error().to_string();
    EXPECT_EQ(record->applied, 0) << text;
  }
}

TEST(TurnWeights, ScalesByBlocksAreNotTurned) {
  // The square serves a product of bytes as it is, and another one turned.
  Graph graph = with_types(parsed(R"(graph (f32[3,4] x) -> (y, v) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    w = constant i8[4,4] random(1)  ws = constant f32[2,4] random(2)
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    e = DequantizeLinear@21(w, ws) {axis=0, block_size=2}
    t = Transpose@13(e) {perm=[1, 0]}
    y = MatMul@13(d, e)  v = MatMul@13(d, t)
  })"));
  const Graph original = graph;
  const auto record = run_pass(graph, pass_named("turn_weights"));
  ASSERT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(record->applied, 0);
  expect_same_results(original, graph, 0);
}

TEST(TurnWeights, AWeightThatIsNotTurnedIsFolded) {
  // A permutation that moves nothing is no reason to keep bytes that no product takes.
  std::string text(kBefore);
  const std::string from = "{perm=[1, 0]}\n    y = MatMul@13(d, t)";
  text.replace(text.find(from), from.size(), "{perm=[0, 1]}\n    y = Gemm@13(d, t) {transB=1}");
  const Graph graph = with_types(parsed(text));
  for (NodeId id : graph.order()) EXPECT_FALSE(graph.node(id).is("Transpose"));
}

}  // namespace
}  // namespace fovea::passes
