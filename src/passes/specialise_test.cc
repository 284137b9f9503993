#include "passes/specialise.h"

#include <gmock/gmock.h>

#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

Specialised specialised(const Graph& graph, const std::vector<TensorType>& types) {
  const Operators operators = *parse_operators(graph);
  auto result = specialise(graph, types, operators);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return std::move(result).value();
}

TEST(Specialise, AChainOfShapesBecomesOneConstant) {
  const Graph graph = parsed(R"(graph (f32[batch,3,4,4] x) -> (y) {
    zero = constant i64[1] {0}  rest = constant i64[1] {-1}
    s = Shape@15(x)  b = Gather@13(s, zero)  t = Concat@13(b, rest) {axis=0}
    y = Reshape@14(x, t)
  })");
  const auto result = specialised(graph, {{DType::f32, {5, 3, 4, 4}}});
  EXPECT_EQ(result.stop, kNoNode);
  EXPECT_EQ(structure(result.graph), "v0 \nv1 = Reshape(v0, i64[2])\nv1 ");
  EXPECT_EQ(to_string(result.graph.value(result.graph.outputs[0]).type), "f32[5,48]");
}

TEST(Specialise, AnIfWithAKnownConditionIsItsBranch) {
  const Graph graph = parsed(R"(graph (f32[n] x) -> (y) {
    two = constant i64[] {2}  zero = constant i64[] {0}
    s = Shape@15(x)  n = Gather@13(s, zero)  big = Greater@13(n, two)
    y = If@16(big) {
      then_branch=graph [x]() -> (z) { z = Relu@14(x) },
      else_branch=graph [x]() -> (z) { z = Neg@13(x) }
    }
  })");
  EXPECT_EQ(structure(specialised(graph, {{DType::f32, {5}}}).graph), "v0 \nv1 = Relu(v0)\nv1 ");
  EXPECT_EQ(structure(specialised(graph, {{DType::f32, {1}}}).graph), "v0 \nv1 = Neg(v0)\nv1 ");
}

TEST(Specialise, AShortLoopFoldsAndALongOneStays) {
  const auto graph = [](int64_t trips) {
    return parsed(fmt::format(R"(graph () -> (y) {{
      trips = constant i64[] {{{}}}  one = constant f32[] {{1}}
      y = Loop@16(trips, _, one) {{ body=graph (i64[] step, bool[] go, f32[] a) -> (go, b) {{ b = Add@14(a, a) }} }}
    }})",
                              trips));
  };
  const auto folded = specialised(graph(10), {});
  EXPECT_EQ(folded.stop, kNoNode);
  EXPECT_EQ(structure(folded.graph), "\n1024 ");
  Graph constant = graph(int64_t{1} << 39);
  const auto kept = specialised(constant, {});
  ASSERT_NE(kept.stop, kNoNode);
  EXPECT_EQ(kept.graph.node(kept.stop).op_type, "Loop");
  ASSERT_TRUE(fold_constants(constant).ok());
  EXPECT_EQ(constant.order().size(), 1u);
}

TEST(Specialise, StopsAtTheFirstNodeWhoseShapeDependsOnData) {
  const Graph graph = parsed(R"(graph (f32[4] x) -> (y) {
    a = Relu@14(x)  i = NonZero@13(a)  y = Cast@13(i) {to=1}
  })");
  const auto result = specialised(graph, {{DType::f32, {4}}});
  ASSERT_NE(result.stop, kNoNode);
  EXPECT_EQ(result.graph.node(result.stop).op_type, "NonZero");
}

TEST(Specialise, AShapeRulesErrorNamesTheNode) {
  const Graph graph = parsed(R"(graph (f32[n,4] x) -> (y) {
    w = constant f32[5,2] random(1)
    y = MatMul@13(x, w) "head/fc"
  })");
  const Operators operators = *parse_operators(graph);
  const std::vector<TensorType> types{{DType::f32, {1, 4}}};
  const auto result = specialise(graph, types, operators);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().to_string(), testing::HasSubstr("head/fc"));
}

TEST(Specialise, AConstantThatWouldGrowBeyondMeasureIsNotFolded) {
  const Graph graph = parsed(R"(graph (f32[2] x) -> (y, x) {
    one = constant f32[] {1}  shape = constant i64[2] {65536, 65536}
    y = Expand@13(one, shape)
  })");
  const auto result = specialised(graph, {{DType::f32, {2}}});
  EXPECT_EQ(result.graph.order().size(), 1u);
}

TEST(FoldConstants, WhatDependsOnNoInputIsComputedOnce) {
  Graph graph = parsed(R"(graph (f32[2,3] x) -> (y) {
    w = constant f32[4,3] random(1)
    t = Transpose@13(w) {perm=[1, 0]}
    y = MatMul@13(x, t)
  })");
  ASSERT_TRUE(fold_constants(graph).ok());
  EXPECT_EQ(structure(graph), "v0 \nv1 = MatMul(v0, f32[3x4])\nv1 ");
}

}  // namespace
}  // namespace fovea::passes
