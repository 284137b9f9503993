#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// The stage that comes first, with weights left as they are stored.
Graph loaded(std::string_view text) {
  Graph graph = parsed(text);
  EXPECT_TRUE(fold_constants(graph, NarrowWeights::kept).ok());
  EXPECT_TRUE(run_pipeline(graph, Stage::once, nullptr).ok());
  return graph;
}

void expect_loaded(std::string_view before, std::string_view after, double tolerance = 1e-5) {
  const Graph graph = loaded(before);
  EXPECT_EQ(structure(graph), structure(parsed(after)));
  expect_same_results(parsed(before), graph, tolerance);
}

TEST(NarrowWeights, HalvesStayHalves) {
  expect_loaded(R"(graph (f32[2,4] x) -> (y) {
    w = constant f16[4,3] random(1)
    v = Cast@13(w) {to=1}
    y = MatMul@13(x, v)
  })",
                R"(graph (f32[2,4] x) -> (y) { w = constant f16[4,3] random(1)  y = fovea.MatMul@1(x, w) })");
  expect_loaded(R"(graph (f32[2,4] x) -> (y) {
    w = constant bf16[3,4] random(1)  c = constant f32[3] random(2)
    v = Cast@13(w) {to=1}
    y = Gemm@13(x, v, c) {transB=1}
  })",
                R"(graph (f32[2,4] x) -> (y) {
    w = constant bf16[3,4] random(1)  c = constant f32[3] random(2)
    y = fovea.MatMul@1(x, w, c) {transpose_b=1}
  })");
  // Turned twice.
  expect_loaded(R"(graph (f32[2,4] x) -> (y) {
    w = constant f16[4,3] random(1)
    v = Cast@13(w) {to=1}
    t = Transpose@13(v) {perm=[1, 0]}
    y = Gemm@13(x, t) {transB=1}
  })",
                R"(graph (f32[2,4] x) -> (y) { w = constant f16[4,3] random(1)  y = fovea.MatMul@1(x, w) })");
}

TEST(NarrowWeights, BytesStayBytesWithScalesOfColumnsAndBlocks) {
  expect_loaded(R"(graph (f32[2,4] x) -> (y) {
    w = constant i8[4,3] {1, -2, 3, 40, 5, 6, 7, 8, 9, 10, -11, 12}  s = constant f32[3] {0.5, 1, 2}
    v = DequantizeLinear@21(w, s) {axis=1}
    y = MatMul@13(x, v)
  })",
                R"(graph (f32[2,4] x) -> (y) {
    w = constant i8[4,3] {1, -2, 3, 40, 5, 6, 7, 8, 9, 10, -11, 12}  s = constant f32[1,3] {0.5, 1, 2}
    y = fovea.MatMul@1(x, w, _, _, s)
  })");
  // Blocks of two along the depth of a transposed weight; all numbers fit 4 bits.
  expect_loaded(R"(graph (f32[2,3] x) -> (y) {
    w = constant u8[2,3] {1, 2, 3, 4, 5, 15}
    s = constant f32[2,2] {0.5, 1, 2, 3}  z = constant u8[2,2] {1, 2, 30, 4}
    v = DequantizeLinear@21(w, s, z) {axis=1, block_size=2}
    t = Transpose@21(v) {perm=[1, 0]}
    y = MatMul@13(x, t)
  })",
                R"(graph (f32[2,3] x) -> (y) {
    w = constant u8[2,3] {1, 2, 3, 4, 5, 15}
    s = constant f32[2,2] {0.5, 2, 1, 3}  z = constant u8[2,2] {1, 30, 2, 4}
    y = fovea.MatMul@1(x, w, _, _, s, z) {transpose_b=1, block_size=2, bits=4}
  })");
  // One scale for all, and a zero point that 4 bits do not have.
  expect_loaded(R"(graph (f32[2,2] x) -> (y) {
    w = constant i8[2,2] {1, 2, 3, 4}  s = constant f32[] {0.5}  z = constant i8[] {-20}
    v = DequantizeLinear@21(w, s, z)
    y = MatMul@13(x, v)
  })",
                R"(graph (f32[2,2] x) -> (y) {
    w = constant i8[2,2] {1, 2, 3, 4}  s = constant f32[1,2] {0.5, 0.5}  z = constant i8[1,2] {-20, -20}
    y = fovea.MatMul@1(x, w, _, _, s, z)
  })");
}

TEST(NarrowWeights, OthersAreFloatsAsBefore) {
  for (const char* text : {// a scale for each row of the depth; blocks along the columns
                           R"(graph (f32[2,2] x) -> (y) {
    w = constant i8[2,2] {1, 2, 3, 4}  s = constant f32[2] {0.5, 2}
    v = DequantizeLinear@21(w, s) {axis=0}
    y = MatMul@13(x, v)
  })",
                           R"(graph (f32[2,2] x) -> (y) {
    w = constant i8[2,4] {1, 2, 3, 4, 5, 6, 7, 8}  s = constant f32[2,2] {0.5, 2, 3, 4}
    v = DequantizeLinear@21(w, s) {axis=1, block_size=2}
    y = MatMul@13(x, v)
  })",
                           // a weight that is used otherwise, too; one of a convolution
                           R"(graph (f32[2,2] x) -> (y, v) {
    w = constant f16[2,2] random(1)
    v = Cast@13(w) {to=1}
    y = MatMul@13(x, v)
  })",
                           R"(graph (f32[1,2,3,3] x) -> (y) {
    w = constant f16[2,2,1,1] random(1)
    v = Cast@13(w) {to=1}
    y = Conv@13(x, v)
  })",
                           R"(graph (f32[2,2] x) -> (y) {
    w = constant f16[2,2] random(1)  c = constant f32[2,2] random(2)
    v = Cast@13(w) {to=1}
    y = Gemm@13(x, v, c)
  })"}) {
    const Graph graph = loaded(text);
    for (NodeId id : graph.order()) EXPECT_NE(graph.node(id).domain, "fovea") << text;
    expect_same_results(parsed(text), graph);
    const Graph specialised = with_types(graph);
    EXPECT_EQ(specialised.order().size(), 1u) << text;
  }
}

TEST(NarrowWeights, WhatIsRefusedIsFoldedBehindIt) {
  Graph graph = loaded(R"(graph (f32[2,2] x) -> (y) {
    w = constant i8[2,2] {1, 2, 3, 4}  s = constant f32[2] {0.5, 2}
    v = DequantizeLinear@21(w, s) {axis=0}
    y = MatMul@13(x, v)
  })");
  ASSERT_EQ(graph.order().size(), 2u);
  ASSERT_TRUE(fold_constants(graph).ok());
  EXPECT_EQ(structure(graph), "v0 \nv1 = MatMul(v0, f32[2x2])\nv1 ");
}

TEST(NarrowWeights, OneTransposeIsLookedThrough) {
  const Graph graph = loaded(R"(graph (f32[2,2] x) -> (y) {
    w = constant f16[2,2] random(1)
    v = Cast@13(w) {to=1}
    t = Transpose@13(v) {perm=[1, 0]}
    u = Transpose@13(t) {perm=[1, 0]}
    y = MatMul@13(x, u)
  })");
  EXPECT_EQ(structure(graph), "v0 \nv1 = MatMul(v0, f32[2x2])\nv1 ");
}

TEST(NarrowWeights, ALongChainOfTransposesIsNoTrouble) {
  Graph graph = parsed("graph (f32[2,2] x) -> (v) { w = constant f16[2,2] random(1)  v = Cast@13(w) {to=1} }");
  ValueId last = graph.node(graph.order()[0]).outputs[0];
  const auto add = [&](Node node) {
    last = graph.add_value(fmt::format("t{}", last), {DType::f32, std::nullopt});
    node.opset = 13;
    node.outputs = {last};
    graph.add_node(std::move(node));
  };
  for (int i = 0; i < 200'000; ++i) {
    Node turn;
    turn.op_type = "Transpose";
    turn.inputs = {last};
    add(std::move(turn));
  }
  Node product;
  product.op_type = "MatMul";
  product.inputs = {graph.inputs[0], last};
  add(std::move(product));
  graph.outputs = {last};
  EXPECT_TRUE(fold_constants(graph, NarrowWeights::kept).ok());
  EXPECT_EQ(graph.order().size(), 1u);
}

TEST(NarrowWeights, WhatTheShapeRuleRefusesIsLeftToIt) {
  for (const char* attributes : {"{axis=9}", "{axis=1}", "{axis=0, block_size=3}"}) {
    const Graph graph = loaded(fmt::format(R"(graph (f32[2,4] x) -> (y) {{
    w = constant i8[4,3] {{1, -2, 3, 4, 5, 6, 7, 8, 9, 10, -11, 12}}  s = constant f32[3,1] {{0.5, 1, 2}}
    v = DequantizeLinear@21(w, s) {}
    y = MatMul@13(x, v)
  }})",
                                           attributes));
    ASSERT_EQ(graph.order().size(), 2u) << attributes;
    EXPECT_FALSE(specialise(graph, std::vector<TensorType>{{DType::f32, {2, 4}}}, *parse_operators(graph)).ok());
  }
}

TEST(NarrowWeights, WeightsOfProductsOfBytesAreLeft) {
  const Graph graph = loaded(R"(graph (u8[2,2] q) -> (y) {
    xs = constant f32[] {0.1}  xz = constant u8[] {3}
    w = constant i8[2,2] {1, 2, 3, 4}  s = constant f32[] {0.5}
    x = DequantizeLinear@21(q, xs, xz)
    v = DequantizeLinear@21(w, s)
    y = MatMul@13(x, v)
  })");
  EXPECT_EQ(graph.order().size(), 3u);
}

TEST(ExpandNbits, BecomesALinearLayerOfBlocks) {
  // K = 20, N = 1: two blocks of 16, with zero points 3 and 9.
  expect_loaded(R"(graph (f32[2,20] x) -> (y) {
    b = constant u8[1,2,8] {1, 35, 69, 103, 137, 171, 205, 239, 17, 34, 51, 68, 85, 102, 119, 136}
    s = constant f32[2] {0.5, 0.25}  z = constant u8[1] {147}
    y = com.microsoft.MatMulNBits@1(x, b, s, z) {K=20, N=1, bits=4, block_size=16}
  })",
                R"(graph (f32[2,20] x) -> (y) {
    w = constant u8[1,20] {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 1, 1, 2, 2}
    s = constant f32[2,1] {0.5, 0.25}  z = constant u8[2,1] {3, 9}
    y = fovea.MatMul@1(x, w, _, _, s, z) {transpose_b=1, block_size=16, bits=4}
  })");
  // Sizes that do not fit stay with the operator, which refuses them.
  Graph wrong = parsed(R"(graph (f32[2,20] x) -> (y) {
    b = constant u8[1,1,8] {1, 2, 3, 4, 5, 6, 7, 8}  s = constant f32[2] {0.5, 0.25}
    y = com.microsoft.MatMulNBits@1(x, b, s) {K=20, N=1, bits=4, block_size=16}
  })");
  EXPECT_TRUE(run_pipeline(wrong, Stage::once, nullptr).ok());
  EXPECT_TRUE(wrong.node(wrong.order()[0]).is("MatMulNBits", "com.microsoft"));
  // Zero points that are floats are the operator's own matter.
  expect_loaded(R"(graph (f32[2,16] x) -> (y) {
    b = constant u8[1,1,8] {1, 2, 3, 4, 5, 6, 7, 8}  s = constant f32[1] {0.5}  z = constant f32[1] {7.5}
    y = com.microsoft.MatMulNBits@1(x, b, s, z) {K=16, N=1, bits=4, block_size=16}
  })",
                R"(graph (f32[2,16] x) -> (y) {
    b = constant u8[1,1,8] {1, 2, 3, 4, 5, 6, 7, 8}  s = constant f32[1] {0.5}  z = constant f32[1] {7.5}
    y = com.microsoft.MatMulNBits@1(x, b, s, z) {K=16, N=1, bits=4, block_size=16}
  })");
}

}  // namespace
}  // namespace fovea::passes
