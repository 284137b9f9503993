#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// Rewrites and compares; the nodes that stay are given by their types, in order.
Graph expect_fused(std::string_view text, const std::vector<std::string>& nodes) {
  const Graph before = parsed(text);
  Graph after = with_types(before);
  const auto record = run_pass(after, pass_named("fuse_attention"));
  EXPECT_TRUE(record.ok()) << record.error().to_string();
  std::vector<std::string> types;
  for (NodeId id : after.order()) types.push_back(after.node(id).op_type);
  EXPECT_EQ(types, nodes) << testing::PrintToString(record->reasons);
  expect_same_results(before, after);
  return after;
}

// As timm exports a vision transformer: one product for Q, K and V, the scale on both Q and K.
constexpr std::string_view kTimm = R"(graph (f32[1,5,24] x) -> (y) {
    s = constant i64[5] {1, 5, 3, 2, 4}  i0 = constant i64[1] {0}  i1 = constant i64[1] {1}  i2 = constant i64[1] {2}
    i3 = constant i64[1] {3}  f = constant f32[1] {0.7}  flat = constant i64[3] {2, 5, 4}
    back = constant i64[4] {1, 2, 4, 5}  merged = constant i64[3] {1, 5, 8}
    r = Reshape@14(x, s)  t = Transpose@13(r) {perm=[2, 0, 3, 1, 4]}
    q1 = Slice@13(t, i0, i1, i0)  q = Squeeze@13(q1, i0)  k1 = Slice@13(t, i1, i2, i0)  k = Squeeze@13(k1, i0)
    v1 = Slice@13(t, i2, i3, i0)  v = Squeeze@13(v1, i0)
    kf = Reshape@14(k, flat)  kt = Transpose@13(kf) {perm=[0, 2, 1]}  kb = Reshape@14(kt, back)
    qs = Mul@14(q, f)  ks = Mul@14(kb, f)  a = MatMul@13(qs, ks)  p = Softmax@13(a) {axis=-1}  o = MatMul@13(p, v)
    ot = Transpose@13(o) {perm=[0, 2, 1, 3]}  y = Reshape@14(ot, merged)
  })";

TEST(FuseAttention, QueriesKeysAndValuesAreReadWhereTheirProductLeftThem) {
  const Graph after = expect_fused(kTimm, {"Attention", "Reshape"});
  const Node& node = after.node(after.order()[0]);
  ASSERT_EQ(node.inputs.size(), 3u);
  for (ValueId v : node.inputs) EXPECT_EQ(v, after.inputs[0]);
  EXPECT_EQ(*node.attribute<std::vector<int64_t>>("v"), (std::vector<int64_t>{16, 0, 4, 24, 1}));
  EXPECT_FLOAT_EQ(*node.attribute<float>("scale"), 0.49f);
}

TEST(FuseAttention, TheScaleMayStandBehindTheProduct) {
  expect_fused(R"(graph (f32[1,2,5,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v) -> (y) {
    f = constant f32[] {2}  a = MatMul@13(q, k)  s = Div@14(a, f)  p = Softmax@13(s) {axis=-1}  y = MatMul@13(p, v)
  })",
               {"Attention", "Transpose"});
}

TEST(FuseAttention, ThreeAxesHaveOneHead) {
  expect_fused(R"(graph (f32[2,5,4] q, f32[2,4,6] k, f32[2,6,3] v) -> (y) {
    a = MatMul@13(q, k)  p = Softmax@13(a) {axis=2}  y = MatMul@13(p, v)
  })",
               {"Attention", "Reshape"});
}

TEST(FuseAttention, AMaskIsAddedAndOneOfZerosVanishes) {
  const Graph with_mask =
      expect_fused(R"(graph (f32[1,2,5,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v, f32[1,1,5,6] m) -> (y) {
    a = MatMul@13(q, k)  s = Add@14(a, m)  p = Softmax@13(s) {axis=-1}  y = MatMul@13(p, v)
  })",
                   {"Attention", "Transpose"});
  EXPECT_EQ(with_mask.node(with_mask.order()[0]).inputs.size(), 4u);
  const Graph without = expect_fused(R"(graph (f32[1,2,5,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v) -> (y) {
    m = constant f32[1,1,5,6] zeros  a = MatMul@13(q, k)  s = Add@14(m, a)  p = Softmax@13(s) {axis=-1}
    y = MatMul@13(p, v)
  })",
                                     {"Attention", "Transpose"});
  EXPECT_EQ(without.node(without.order()[0]).inputs.size(), 3u);
}

TEST(FuseAttention, ASoftmaxWhoseNaNsAreReplacedByZerosCounts) {
  const Graph after = expect_fused(R"(graph (f32[1,2,5,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v, f32[1,1,5,6] m) -> (y) {
    zero = constant f32[] {0}  a = MatMul@13(q, k)  s = Add@14(a, m)  p = Softmax@13(s) {axis=-1}
    n = IsNaN@20(p)  w = Where@16(n, zero, p)  y = MatMul@13(w, v)
  })",
                                   {"Attention", "Transpose"});
  EXPECT_EQ(*after.node(after.order()[0]).attribute<int64_t>("nan_to_zero"), 1);
}

TEST(FuseAttention, ARotaryEmbeddingOfQueriesAndKeysGoesIn) {
  const Graph after =
      expect_fused(R"(graph (f32[1,5,16] x, f32[1,5,16] z, f32[1,5,16] v, f32[4,8] c, f32[4,8] s) -> (y) {
    heads = constant i64[4] {1, 5, 2, 8}
    q1 = Reshape@14(x, heads)  q2 = Transpose@13(q1) {perm=[0, 2, 1, 3]}  q = fovea.Rope@1(q2, c, s) {skip=1}
    k1 = Reshape@14(z, heads)  k2 = Transpose@13(k1) {perm=[0, 2, 1, 3]}  k3 = fovea.Rope@1(k2, c, s) {skip=1}
    k = Transpose@13(k3) {perm=[0, 1, 3, 2]}  v1 = Reshape@14(v, heads)  v2 = Transpose@13(v1) {perm=[0, 2, 1, 3]}
    a = MatMul@13(q, k)  p = Softmax@13(a) {axis=-1}  o = MatMul@13(p, v2)  y = Transpose@13(o) {perm=[0, 2, 1, 3]}
  })",
                   {"Attention"});
  EXPECT_EQ(*after.node(after.order()[0]).attribute<int64_t>("rope"), 3);
}

void expect_refused(std::string_view text, std::string_view reason) {
  const auto record = expect_unchanged("fuse_attention", text);
  ASSERT_EQ(record.reasons.size(), 1u);
  EXPECT_EQ(record.reasons.begin()->first, reason);
}

TEST(FuseAttention, NearMissesSayWhyTheyAreNot) {
  expect_refused(R"(graph (f32[1,2,5,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v) -> (y, p) {
    a = MatMul@13(q, k)  p = Softmax@13(a) {axis=-1}  y = MatMul@13(p, v)
  })",
                 "the probabilities are used elsewhere too");
  expect_refused(R"(graph (f32[1,2,6,4] q, f32[1,2,4,6] k, f32[1,2,6,3] v) -> (y) {
    a = MatMul@13(q, k)  p = Softmax@13(a) {axis=2}  y = MatMul@13(p, v)
  })",
                 "the softmax runs along another axis");
  expect_refused(R"(graph (f32[1,2,5,4] q, f32[1,1,4,6] k, f32[1,2,6,3] v) -> (y) {
    a = MatMul@13(q, k)  p = Softmax@13(a) {axis=-1}  y = MatMul@13(p, v)
  })",
                 "batch or heads that broadcast");
  expect_refused(R"(graph (f32[1,2,5,6] a, f32[1,2,6,3] v) -> (y) {
    p = Softmax@13(a) {axis=-1}  y = MatMul@13(p, v)
  })",
                 "the scores are no product of queries and keys");
}

}  // namespace
}  // namespace fovea::passes
