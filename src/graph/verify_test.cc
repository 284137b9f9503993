#include "graph/verify.h"

#include <gmock/gmock.h>

#include "graph/text.h"

namespace fovea {
namespace {

using ::testing::HasSubstr;

struct Verify : ::testing::Test {
  Graph graph;
  ValueId x = graph.add_value("x"), y = graph.add_value("y"), z = graph.add_value("z");
  NodeId first = add("Relu", {x}, {y}), second = add("Neg", {y}, {z});

  Verify() {
    graph.inputs = {x};
    graph.outputs = {z};
  }
  NodeId add(std::string_view type, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
    Node node;
    node.op_type = type;
    node.name = "the node";
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    return graph.add_node(std::move(node));
  }
  std::string problem() const {
    const auto result = verify(graph);
    return result ? "none" : result.error().to_string();
  }
};

TEST_F(Verify, AcceptsAGoodGraph) { EXPECT_EQ(problem(), "none"); }

TEST_F(Verify, RefusesAValueUsedBeforeItIsMade) {
  graph.set_input(first, 0, z);
  EXPECT_THAT(problem(), HasSubstr("Relu \"the node\": \"z\" is used before"));
}

TEST_F(Verify, RefusesAValueThatNothingMakes) {
  graph.set_input(second, 0, graph.add_value("nowhere"));
  EXPECT_THAT(problem(), HasSubstr("\"nowhere\" is used before anything makes it"));
}

TEST_F(Verify, RefusesAnOutputThatNothingMakes) {
  graph.remove_node(second);
  EXPECT_THAT(problem(), HasSubstr("output \"z\" is not made"));
}

TEST_F(Verify, RefusesTwoProducers) {
  add("Abs", {x}, {y});
  EXPECT_NE(problem(), "none");
}

TEST_F(Verify, RefusesAConstantThatANodeMakes) {
  graph.set_constant(y, Tensor::scalar(1.0f));
  EXPECT_THAT(problem(), HasSubstr("\"y\" is a constant, but a node makes it"));
}

TEST_F(Verify, RefusesAConstantWhoseTypeSaysOtherwise) {
  const ValueId c = graph.add_constant("c", Tensor::scalar(1.0f));
  graph.set_type(c, ValueType::of({DType::i8, {}}));
  EXPECT_THAT(problem(), HasSubstr("constant \"c\" is f32"));
}

TEST_F(Verify, RefusesAnInputThatANodeMakes) {
  graph.inputs.push_back(y);
  EXPECT_THAT(problem(), HasSubstr("input \"y\" is made by a node"));
}

TEST_F(Verify, RefusesInputsListedTwiceAndIndicesOutOfRange) {
  graph.inputs = {x, x};
  EXPECT_THAT(problem(), HasSubstr("twice"));
  graph.inputs = {x, 99};
  EXPECT_THAT(problem(), HasSubstr("99 does not exist"));
  graph.inputs = {x};
  graph.outputs = {-1};
  EXPECT_THAT(problem(), HasSubstr("-1 does not exist"));
}

TEST_F(Verify, RefusesCapturesThatTheNodeAroundLacks) {
  auto body = std::make_shared<Graph>();
  const ValueId inner = body->add_value("inner");
  body->captures.push_back({1, inner});
  body->outputs = {inner};
  Node node;
  node.op_type = "If";
  node.captures = {x};
  node.attributes.emplace("then_branch", body);
  graph.add_node(std::move(node));
  EXPECT_THAT(problem(), HasSubstr("If: then_branch: capture 1 is taken, but the node around has 1"));
}

TEST_F(Verify, RefusesAThousandSubgraphsInEachOther) {
  auto inner = std::make_shared<Graph>();
  for (int i = 0; i < 1000; ++i) {
    auto around = std::make_shared<Graph>();
    Node node;
    node.op_type = "If";
    node.attributes.emplace("then_branch", std::move(inner));
    around->add_node(std::move(node));
    inner = std::move(around);
  }
  Node node;
  node.op_type = "If";
  node.attributes.emplace("then_branch", inner);
  graph.add_node(std::move(node));
  EXPECT_THAT(problem(), HasSubstr("nest deeper"));
}

}  // namespace
}  // namespace fovea
