#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(WidenHalves, AGraphOfHalvesIsComputedInFloats) {
  Graph graph = parsed(R"(graph (f16[2,4] x) -> (y) {
    w = constant f16[4,3] random(1)  b = constant f16[3] {0.5, 1, 2}
    f16[2,3] a = MatMul@13(x, w)
    f16[2,3] c = Add@14(a, b)
    f16[2,3] y = Relu@14(c)
  })");
  ASSERT_TRUE(run_pass(graph, pass_named("widen_halves")).ok());
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f16[2,4] x) -> (y) {
    w = constant f16[4,3] random(1)  b = constant f32[3] {0.5, 1, 2}
    xf = Cast@21(x) {to=1}
    wf = Cast@21(w) {to=1}
    a = MatMul@13(xf, wf)
    c = Add@14(a, b)
    r = Relu@14(c)
    y = Cast@21(r) {to=10}
  })")));
  EXPECT_EQ(graph.value(graph.outputs[0]).type.dtype, DType::f16);
}

TEST(WidenHalves, AttributesThatNameATypeChangeWithIt) {
  Graph graph = parsed(R"(graph (f32[2,4] x, i64[2] size) -> (y, z) {
    a = Cast@13(x) {to=10}
    b = Exp@13(a)
    y = Cast@13(b) {to=1}
    f = ConstantOfShape@9(size) {value=f16[1] {2}}
    z = Cast@13(f) {to=1}
    n = constant f16[2] {1, 2}
  })");
  ASSERT_TRUE(run_pass(graph, pass_named("widen_halves")).ok());
  for (NodeId id : graph.order()) {
    if (graph.node(id).is("Cast")) {
      EXPECT_EQ(*graph.node(id).attribute<int64_t>("to"), 1);
    } else if (graph.node(id).is("ConstantOfShape")) {
      EXPECT_EQ(graph.node(id).attribute<Tensor>("value")->dtype(), DType::f32);
    }
  }
}

TEST(WidenHalves, AConstantThatIsAnOutputTooStaysAHalf) {
  Graph graph = parsed(R"(graph (f16[2] x) -> (y, b) {
    b = constant f16[2] {0.5, 1}
    f16[2] y = Add@14(x, b)
  })");
  ASSERT_TRUE(run_pass(graph, pass_named("widen_halves")).ok());
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (f16[2] x) -> (y, b) {
    b = constant f16[2] {0.5, 1}  c = constant f32[2] {0.5, 1}
    xf = Cast@21(x) {to=1}
    s = Add@14(xf, c)
    y = Cast@21(s) {to=10}
  })")));
}

TEST(WidenHalves, GraphsWithoutHalvesAndThoseWithSubgraphsStay) {
  for (const char* text : {R"(graph (f32[2] x) -> (y) { y = Relu@14(x) })",
                           // weights that are cast when they are read
                           R"(graph (f32[2,4] x) -> (y) {
    w = constant f16[4,3] random(1)
    v = Cast@13(w) {to=1}
    y = MatMul@13(x, v)
  })",
                           R"(graph (f16[2] x, bool flag) -> (y) {
    y = If@16(flag) {
      then_branch=graph [x]() -> (a) { a = Relu@14(x) },
      else_branch=graph [x]() -> (b) { b = Neg@13(x) }
    }
  })"}) {
    Graph graph = parsed(text);
    const std::string before = structure(graph);
    const auto record = run_pass(graph, pass_named("widen_halves"));
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->applied, 0);
    EXPECT_EQ(structure(graph), before);
  }
}

}  // namespace
}  // namespace fovea::passes
