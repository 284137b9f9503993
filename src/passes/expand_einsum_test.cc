#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

std::string text_of(const Shape& shape) { return fmt::format("{}", fmt::join(shape, ",")); }

int count_of(const Graph& graph, std::string_view type) {
  int count = 0;
  for (NodeId id : graph.order()) count += graph.node(id).is(type) ? 1 : 0;
  return count;
}

/// A letter's extent is 2 more than its place among these, so that no two are the same.
Shape shape_for(std::string_view term) {
  Shape shape;
  for (const char c : term) shape.push_back(static_cast<int64_t>(std::string_view("bhijkqcywmn").find(c)) + 2);
  return shape;
}

class Equations : public ::testing::TestWithParam<const char*> {};

TEST_P(Equations, ComputeTheSame) {
  const std::string equation = GetParam();
  const size_t comma = equation.find(','), arrow = equation.find("->");
  const Shape a = shape_for(equation.substr(0, comma)), b = shape_for(equation.substr(comma + 1, arrow - comma - 1));
  const std::string node = fmt::format("y = Einsum@12(a, b) {{equation=\"{}\"}}\n}}", equation);
  const std::string computed = fmt::format("graph (f32[{}] a, f32[{}] b) -> (y) {{\n", text_of(a), text_of(b));
  const std::string a_known = fmt::format("graph (f32[{}] b) -> (y) {{\n a = constant f32[{}] random(1)\n",  //
                                          text_of(b), text_of(a));
  const std::string b_known = fmt::format("graph (f32[{}] a) -> (y) {{\n b = constant f32[{}] random(1)\n",  //
                                          text_of(a), text_of(b));
  for (const std::string& head : {computed, a_known, b_known}) {
    const Graph original = parsed(head + node);
    Graph graph = with_types(original);
    const auto record = run_pass(graph, pass_named("expand_einsum"));
    ASSERT_TRUE(record.ok()) << record.error().to_string();
    EXPECT_EQ(record->applied, 1) << head;
    EXPECT_EQ(count_of(graph, "Einsum"), 0) << head;
    expect_same_results(original, graph);
  }
}

INSTANTIATE_TEST_SUITE_P(ExpandEinsum, Equations,
                         ::testing::Values("bhqk,bhkc->bhqc", "bqhc,bkhc->bhqk", "bhqk,bkhc->bqhc", "byhwc,hkc->byhwk",
                                           "byhwc,wkc->byhwk", "ij,jk->ik", "ij,kj->ik", "ji,jk->ki", "bij,bjk->bki",
                                           "i,j->ij", "i,j->ji", "ij,ij->i", "ij,ji->", "i,i->", "ij,j->i", "i,ij->j",
                                           "bchw,kc->bkhw", "bchw,ck->bkhw", "bij,ijk->bk", "bij,jik->kb",
                                           "bhc,bwc->whb", "ijm,jkn->ik", "im,in->i", "m,n->", "bi,bij->ijb",
                                           "bqhi,khj->qbk", ",ij->ji"));

TEST(ExpandEinsum, AStackOfMatricesIsAMatMul) {
  expect_rewrite("expand_einsum", R"(graph (f32[2,3,4,5] p, f32[2,3,5,6] v) -> (y) {
    y = Einsum@12(p, v) {equation="bhqk,bhkc->bhqc"}
  })",
                 R"(graph (f32[2,3,4,5] p, f32[2,3,5,6] v) -> (y) {
    y = MatMul@13(p, v)
  })");
}

TEST(ExpandEinsum, AxesInFrontMakeAStackThatTheOtherOperandRepeatsAlong) {
  expect_rewrite("expand_einsum", R"(graph (f32[2,3,4,30,20] x) -> (y) {
    r = constant f32[4,16,20] random(1)
    y = Einsum@12(x, r) {equation="byhwc,hkc->byhwk"}
  })",
                 R"(graph (f32[2,3,4,30,20] x) -> (y) {
    r = constant f32[4,20,16] random(1)
    y = MatMul@13(x, r)
  })",
                 1e9);  // other random numbers: what is computed is in the equations above
}

TEST(ExpandEinsum, RowsAreMergedWhereThatCopiesLess) {
  expect_rewrite("expand_einsum", R"(graph (f32[2,8,9,5,6] x, f32[5,7,6] r) -> (y) {
    y = Einsum@12(x, r) {equation="byhwc,wkc->byhwk"}
  })",
                 R"(graph (f32[2,8,9,5,6] x, f32[5,7,6] r) -> (y) {
    s = constant i64[3] {5, 144, 6}  u = constant i64[5] {5, 2, 8, 9, 7}
    xt = Transpose@13(x) {perm=[3, 0, 1, 2, 4]}  rt = Transpose@13(r) {perm=[0, 2, 1]}
    xm = Reshape@14(xt, s)  m = MatMul@13(xm, rt)
    v = Reshape@14(m, u)  y = Transpose@13(v) {perm=[1, 2, 3, 0, 4]}
  })");
}

TEST(ExpandEinsum, OverNchwTheWeightsStandOnTheLeft) {
  expect_rewrite("expand_einsum", R"(graph (f32[2,3,4,5] x, f32[6,3] w) -> (y) {
    y = Einsum@12(x, w) {equation="bchw,kc->bkhw"}
  })",
                 R"(graph (f32[2,3,4,5] x, f32[6,3] w) -> (y) {
    s = constant i64[3] {2, 3, 20}  u = constant i64[4] {2, 6, 4, 5}
    m = Reshape@14(x, s)  p = MatMul@13(w, m)  y = Reshape@14(p, u)
  })");
}

TEST(ExpandEinsum, OneOperandIsMovedAndSummed) {
  expect_rewrite("expand_einsum", R"(graph (f32[2,3,4] x) -> (y) { y = Einsum@12(x) {equation="ijk->kij"} })",
                 R"(graph (f32[2,3,4] x) -> (y) { y = Transpose@13(x) {perm=[2, 0, 1]} })");
  expect_rewrite("expand_einsum", R"(graph (f32[2,3,4] x) -> (y) { y = Einsum@12(x) {equation="ijk->ki"} })",
                 R"(graph (f32[2,3,4] x) -> (y) {
    a = constant i64[1] {1}
    s = ReduceSum@13(x, a) {keepdims=0}  y = Transpose@13(s) {perm=[1, 0]}
  })");
  expect_rewrite("expand_einsum", R"(graph (f32[2,3] x) -> (y) { r = Relu@14(x)  y = Einsum@12(r) {equation="ij"} })",
                 R"(graph (f32[2,3] x) -> (y) { y = Relu@14(x) })");
}

TEST(ExpandEinsum, AttentionWrittenAsSumsIsAttention) {
  Graph graph = with_types(parsed(R"(graph (f32[2,5,3,8] q, f32[2,7,3,8] k, f32[2,7,3,8] v) -> (y) {
    s = Einsum@12(q, k) {equation="bqhc,bkhc->bhqk"}  p = Softmax@13(s) {axis=-1}
    y = Einsum@12(p, v) {equation="bhqk,bkhc->bqhc"}
  })"));
  const Graph original = graph;
  for (const char* name : {"expand_einsum", "fuse_attention"}) ASSERT_TRUE(run_pass(graph, pass_named(name)).ok());
  ASSERT_EQ(graph.order().size(), 1u) << structure(graph);
  EXPECT_TRUE(graph.node(graph.order()[0]).is("Attention", "fovea"));
  expect_same_results(original, graph);
}

TEST(ExpandEinsum, WhatIsNoProductOfTwoStays) {
  const auto reason = [](std::string_view text) {
    const auto record = expect_unchanged("expand_einsum", text);
    return record.reasons.empty() ? std::string() : record.reasons.begin()->first;
  };
  EXPECT_EQ(reason(R"(graph (f32[3,3] x) -> (y) { y = Einsum@12(x) {equation="ii->i"} })"),
            "a diagonal: a letter twice in one operand");
  EXPECT_EQ(reason(R"(graph (f32[3,4] x) -> (y) { y = Einsum@12(x, x) {equation="...i,...i->..."} })"), "an ellipsis");
  EXPECT_EQ(reason(R"(graph (f32[3,4] x) -> (y) { y = Einsum@12(x, x, x) {equation="ij,ij,ij->i"} })"),
            "more than two operands");
  EXPECT_EQ(reason(R"(graph (f32[3,1] x, f32[4,5] z) -> (y) { y = Einsum@12(x, z) {equation="ij,jk->ik"} })"),
            "an axis of one element that is repeated");
  EXPECT_EQ(reason(R"(graph (f32[3,0] x, f32[0,5] z) -> (y) { y = Einsum@12(x, z) {equation="ij,jk->ik"} })"),
            "an empty operand");
  EXPECT_EQ(reason(R"(graph (i32[3,2] x, i32[2,5] z) -> (y) { y = Einsum@12(x, z) {equation="ij,jk->ik"} })"),
            "not f32");
}

}  // namespace
}  // namespace fovea::passes
