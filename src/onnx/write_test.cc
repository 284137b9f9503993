#include "onnx/write.h"

#include <gmock/gmock.h>

#include "onnx/test_model.h"

namespace fovea::onnx {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(WriteModel, ReadsBackAsTheSameGraph) {
  const std::string text =
      R"(graph net (f32[batch,3,?] x, bool flag, f32[2] d = {1, 2}) -> (f, same, same, half, truth) {
  metadata "author" = "somebody"
  half = constant f16[3] {1, nan(0x7e01), inf}
  truth = constant bool[2] {1, 0}
  weight = constant f32[4,3] random(3)
  f32[batch,3,?] same = Softmax@17(x) {axis=1} "soft"
  b = Add@17(d, d)
  f = If@17(flag) {
    else_branch=graph e [same]() -> (same) {},
    then_branch=graph t [same, b, weight]() -> (r) {
      r = Add@17(same, b)
      k = constant f32[2] {3, 4}
      s = Add@17(weight, k)
    }
  } "branch"
}
)";
  const Graph graph = *parse_graph(text);
  EXPECT_EQ(print(read_or_fail(*serialize_model(graph))), print(graph));
}

TEST(WriteModel, GivesEachNameOfASubgraphAMeaningOfItsOwn) {
  // ONNX forbids a name in a subgraph that is known around it.
  const Graph graph = *parse_graph(R"(graph (x, flag) -> (y) {
    y = If@17(flag) {else_branch=graph [x]() -> (x) {}, then_branch=graph [k = x]() -> (x) { x = Neg@17(k) }}
  })");
  wire::Model model;
  ASSERT_TRUE(model.ParseFromString(*serialize_model(graph)));
  const wire::Graph& branch = model.graph().node(0).attribute(1).g();
  EXPECT_EQ(branch.node(0).input(0), "x");
  EXPECT_EQ(branch.node(0).output(0), "x.2");
}

TEST(WriteModel, PutsLargeTensorsIntoADataFileOnce) {
  Graph graph = *parse_graph(R"(graph net (f32[4] x) -> (z) {
    big = constant f32[4] {1, 2, 3, 4}
    small = constant f32[1] {5}
    y = Add@14(x, big)
    z = Add@14(y, small)
  })");
  const Tensor& big = *graph.constant(*graph.find_value("big"));
  const ValueId shared = graph.add_constant("shared", big);
  graph.outputs.push_back(shared);
  const fs::path folder = fs::path(::testing::TempDir()) / "fovea_write_model";
  fs::create_directories(folder);
  ASSERT_TRUE(write_model(graph, folder / "m.onnx", {.external_from = 16}).ok());
  EXPECT_EQ(fs::file_size(folder / "m.onnx.data"), 16u);
  const auto again = read_model(folder / "m.onnx");
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(print(*again), print(graph));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 2);
  fs::remove_all(folder);
}

TEST(WriteModel, RefusesWhatOneFileCannotSay) {
  const Graph mixed = *parse_graph("graph (x) -> (z) { y = Relu@13(x) z = Relu@14(y) \"second\" }");
  EXPECT_THAT(serialize_model(mixed).error().to_string(),
              HasSubstr("Relu \"second\": it has opset 14, other nodes 13"));
  const Graph own = *parse_graph("graph (x) -> (y) { y = fovea.Thing@1(x) }");
  EXPECT_THAT(serialize_model(own).error().to_string(), HasSubstr("fovea's own"));
}

}  // namespace
}  // namespace fovea::onnx
