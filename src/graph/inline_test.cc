#include "graph/inline.h"

#include <gmock/gmock.h>

#include "graph/text.h"
#include "graph/verify.h"

namespace fovea {
namespace {

TEST(InlineSubgraph, PutsTheBranchInThePlaceOfItsNode) {
  Graph graph = *parse_graph(R"(graph (x, cond) -> (out) {
    w = constant f32[1] {2}
    out = If@16(cond) {then_branch=graph [x, k = w]() -> (z, x) {
      w = constant f32[1] {3}
      y = Mul@14(x, k) "mul"
      z = Add@14(y, w)
    }}
  })");
  const NodeId branch = graph.order()[0];
  const auto body = *graph.node(branch).attribute<std::shared_ptr<Graph>>("then_branch");
  const auto outputs = inline_subgraph(graph, branch, *body, {}, graph.node(branch).captures, "if/");
  graph.replace_uses(*graph.find_value("out"), outputs[0]);
  graph.remove_node(branch);
  ASSERT_TRUE(verify(graph).ok()) << verify(graph).error().to_string();
  EXPECT_EQ(outputs[1], graph.inputs[0]);
  EXPECT_EQ(print(graph), R"(graph (x, cond) -> (if/z) {
  w = constant f32[1] {2}
  if/w = constant f32[1] {3}
  if/y = Mul@14(x, w) "if/mul"
  if/z = Add@14(if/y, if/w)
}
)");
}

TEST(InlineSubgraph, FeedsInputsAndMayBeRepeated) {
  Graph graph = *parse_graph("graph (a, b) -> (out) { out = Loop@16(a, b) {body=graph (i) -> (o) { o = Neg@13(i) }} }");
  const NodeId loop = graph.order()[0];
  const auto body = *graph.node(loop).attribute<std::shared_ptr<Graph>>("body");
  const auto first = inline_subgraph(graph, loop, *body, std::vector{graph.inputs[0]}, {});
  const auto second = inline_subgraph(graph, loop, *body, first, {});
  graph.replace_uses(*graph.find_value("out"), second[0]);
  graph.remove_node(loop);
  ASSERT_TRUE(verify(graph).ok()) << verify(graph).error().to_string();
  EXPECT_EQ(print(graph), "graph (a, b) -> (o.2) {\n  o = Neg@13(a)\n  o.2 = Neg@13(o)\n}\n");
}

}  // namespace
}  // namespace fovea
