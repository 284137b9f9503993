#include "graph/graph.h"

#include <gmock/gmock.h>

namespace fovea {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

NodeId add(Graph& graph, std::string_view type, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  Node node;
  node.op_type = type;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return graph.add_node(std::move(node));
}

TEST(Graph, NamesAreMadeUnique) {
  Graph graph;
  const ValueId a = graph.add_value("x"), b = graph.add_value("x"), c = graph.add_value("");
  EXPECT_EQ(graph.value(a).name, "x");
  EXPECT_EQ(graph.value(b).name, "x.2");
  EXPECT_FALSE(graph.value(c).name.empty());
  EXPECT_EQ(graph.find_value("x.2"), b);
}

TEST(Graph, KnowsWhoUsesAValue) {
  Graph graph;
  const ValueId x = graph.add_value("x"), y = graph.add_value("y"), z = graph.add_value("z");
  const NodeId first = add(graph, "Relu", {x}, {y});
  const NodeId second = add(graph, "Add", {x, y}, {z});
  EXPECT_THAT(graph.users(x), ElementsAre(first, second));
  graph.set_input(second, 0, y);
  EXPECT_THAT(graph.users(x), ElementsAre(first));
  EXPECT_THAT(graph.users(y), ElementsAre(second, second));
  graph.remove_node(second);
  EXPECT_THAT(graph.users(y), IsEmpty());
  EXPECT_EQ(graph.value(z).producer, kNoNode);
}

TEST(Graph, ReplacingUsesCoversOutputs) {
  Graph graph;
  const ValueId x = graph.add_value("x"), y = graph.add_value("y"), z = graph.add_value("z");
  add(graph, "Identity", {x}, {y});
  const NodeId relu = add(graph, "Relu", {y}, {z});
  graph.outputs = {y, z};
  graph.replace_uses(y, x);
  EXPECT_THAT(graph.outputs, ElementsAre(x, z));
  EXPECT_THAT(graph.node(relu).inputs, ElementsAre(x));
}

TEST(Graph, SortsStably) {
  Graph graph;
  const ValueId x = graph.add_value("x"), y = graph.add_value("y"), z = graph.add_value("z"), w = graph.add_value("w");
  const NodeId last = add(graph, "Relu", {y}, {z});
  const NodeId first = add(graph, "Relu", {x}, {y});
  const NodeId other = add(graph, "Relu", {x}, {w});
  ASSERT_TRUE(graph.sort().ok());
  EXPECT_THAT(graph.order(), ElementsAre(first, last, other));
}

TEST(Graph, NamesANodeOnACycle) {
  Graph graph;
  const ValueId x = graph.add_value("x"), y = graph.add_value("y");
  add(graph, "Relu", {x}, {y});
  add(graph, "Neg", {y}, {x});
  const auto sorted = graph.sort();
  ASSERT_FALSE(sorted.ok());
  EXPECT_EQ(sorted.error().where, "Relu making \"y\"");
}

TEST(Graph, DropsWhatNobodyUses) {
  Graph graph;
  const ValueId x = graph.add_value("x"), y = graph.add_value("y"), z = graph.add_value("z"), w = graph.add_value("w");
  const NodeId kept = add(graph, "Relu", {x}, {y});
  add(graph, "Relu", {y}, {z});
  add(graph, "Relu", {z}, {w});
  graph.outputs = {y};
  EXPECT_EQ(graph.remove_dead_nodes(), 2);
  EXPECT_THAT(graph.order(), ElementsAre(kept));
  EXPECT_THAT(graph.users(y), IsEmpty());
}

TEST(Graph, TypesReadAsText) {
  ValueType type{DType::f32, std::vector<Dim>{{-1, "batch"}, {3, ""}, {-1, ""}}};
  EXPECT_EQ(to_string(type), "f32[batch,3,?]");
  EXPECT_FALSE(type.concrete().has_value());
  EXPECT_EQ(to_string(ValueType{}), "?");
}

}  // namespace
}  // namespace fovea
