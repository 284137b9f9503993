#include "passes/images_apart.h"

#include <gmock/gmock.h>

#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

using ::testing::HasSubstr;

/// Why a model mixes the images of a batch of six; "" where it does not.
std::string reason(std::string_view text, Shape image = {3, 4, 4}) {
  const Graph graph = parsed(text);
  const Operators operators = *parse_operators(graph);
  const auto made = [&](int64_t images) {
    TensorType type{DType::f32, image};
    type.shape.insert(type.shape.begin(), images);
    auto result = specialise(graph, std::vector<TensorType>(graph.inputs.size(), type), operators);
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    result->graph.remove_dead_nodes();
    return std::move(result->graph);
  };
  return mixes_images(made(6), made(1), 6).value_or("");
}

TEST(ImagesApart, AConvolutionalNetworkKeepsThemApart) {
  EXPECT_EQ(reason(R"(graph (f32[n,3,4,4] x) -> (y) {
    w = constant f32[8,3,3,3] random(1)  v = constant f32[48,5] random(2)  b = constant f32[5] random(3)
    a = Conv@11(x, w) {pads=[1, 1, 1, 1]}  r = Relu@14(a)  p = MaxPool@12(r) {kernel_shape=[2, 2], strides=[2, 2]}
    q = Concat@13(p, p) {axis=1}  s = constant i64[4] {0, 4, 8, 12}  t = Flatten@13(q)
    first = constant i64[1] {0}  last = constant i64[1] {48}  axis = constant i64[1] {1}
    u = Slice@13(t, first, last, axis)
    y = Gemm@13(u, v, b)
  })"),
            "");
}

TEST(ImagesApart, AttentionWithABatchInTheMiddleKeepsThemApart) {
  EXPECT_EQ(reason(R"(graph (f32[n,5,8] x) -> (y) {
    w = constant f32[8,24] random(1)  split = constant i64[5] {0, 5, 3, 2, 4}
    a = MatMul@13(x, w)  b = Reshape@14(a, split)  c = Transpose@13(b) {perm=[2, 0, 3, 1, 4]}
    zero = constant i64[] {0}  one = constant i64[] {1}  two = constant i64[] {2}
    q = Gather@13(c, zero)  k = Gather@13(c, one)  v = Gather@13(c, two)
    t = Transpose@13(k) {perm=[0, 1, 3, 2]}  s = MatMul@13(q, t)  p = Softmax@13(s) {axis=-1}
    o = MatMul@13(p, v)  u = Transpose@13(o) {perm=[0, 2, 1, 3]}  join = constant i64[3] {0, 5, 8}
    y = Reshape@14(u, join)
  })",
                   {5, 8}),
            "");
}

TEST(ImagesApart, AConstantForEachImageMayBeTheSameForAll) {
  constexpr std::string_view kTokens = R"(graph (f32[n,5,8] x) -> (y) {{
    token = constant f32[1,1,8] random(1)  zero = constant i64[1] {{0}}  rest = constant i64[2] {{1, 8}}
    s = Shape@15(x)  n = Gather@13(s, zero)  shape = Concat@13(n, rest) {{axis=0}}
    t = Expand@13(token, shape)
    y = Concat@13(t, x) {{axis={}}}
  }})";
  EXPECT_EQ(reason(fmt::format(kTokens, 1), {5, 8}), "");
  // Numbers that count the images.
  EXPECT_THAT(reason(R"(graph (f32[n,5] x) -> (y) {
    zero = constant i64[] {0}  one = constant i64[] {1}  axis = constant i64[1] {1}
    s = Shape@15(x)  n = Gather@13(s, zero)  r = Range@11(zero, n, one)  f = Cast@13(r) {to=1}  u = Unsqueeze@13(f, axis)
    y = Mul@14(x, u)
  })",
                     {5}),
              HasSubstr("Mul"));
  EXPECT_THAT(reason(R"(graph (f32[n,5] x) -> (y) {
    zero = constant i64[] {0}  s = Shape@15(x)  n = Gather@13(s, zero)  f = Cast@13(n) {to=1}
    y = Div@14(x, f)
  })",
                     {5}),
              HasSubstr("Div"));
}

TEST(ImagesApart, AViewSpelledAsGatherKeepsThemApart) {
  EXPECT_EQ(reason(R"(graph (f32[n,2,3] x) -> (y) {
    flat = constant i64[1] {-1}  zero = constant i64[] {0}  one = constant i64[] {1}
    f = Reshape@14(x, flat)  s = Shape@15(f)  scalar = constant i64[0] {}  n = Reshape@14(s, scalar)
    i = Range@11(zero, n, one)  six = constant i64[2] {-1, 6}  j = Reshape@14(i, six)
    y = Gather@13(f, j)
  })",
                   {2, 3}),
            "");
}

TEST(ImagesApart, WhatLooksAcrossImagesMixesThem) {
  const auto one_node = [](std::string_view node) {
    return reason(
        fmt::format("graph (f32[n,6,4] x) -> (y) {{ axis = constant i64[1] {{0}} back = constant i64[1] {{-1}}\n"
                    "start = constant i64[1] {{-1}} end = constant i64[1] {{-100}} {} }}",
                    node),
        {6, 4});
  };
  EXPECT_THAT(one_node("y = Softmax@13(x) {axis=0}"), HasSubstr("Softmax"));
  EXPECT_THAT(one_node("m = ReduceMean@18(x, axis)  y = Sub@14(x, m)"), HasSubstr("ReduceMean"));
  EXPECT_THAT(one_node("y = Slice@13(x, start, end, axis, back)"), HasSubstr("Slice"));
  EXPECT_THAT(one_node("y = LayerNormalization@17(x, x) {axis=0}"), HasSubstr("LayerNormalization"));
  EXPECT_THAT(one_node("y = Concat@13(x, x) {axis=0}"), HasSubstr("Concat"));
  EXPECT_THAT(one_node("y = Transpose@13(x) {perm=[1, 0, 2]}"), HasSubstr("first axis"));
  EXPECT_THAT(one_node("y = CumSum@14(x, axis)"), HasSubstr("CumSum"));
  EXPECT_THAT(one_node("q, s, z = DynamicQuantizeLinear@11(x)  y = DequantizeLinear@13(q, s, z)"),
              HasSubstr("Dynamic"));
}

TEST(ImagesApart, WhatStaysWithinAnImageKeepsThemApart) {
  const auto one_node = [](std::string_view node) {
    return reason(fmt::format(R"(graph (f32[n,6,4,4] x) -> (y) {{
      axis = constant i64[1] {{1}} pads = constant i64[8] {{0, 0, 1, 1, 0, 0, 1, 2}} scales = constant f32[4] {{1, 1, 2, 2}}
      k = constant i64[1] {{2}} halves = constant i64[2] {{2, 4}} slope = constant f32[6,1,1] random(1)
      s = constant f32[6] random(2)  {} }})",
                              node),
                  {6, 4, 4});
  };
  EXPECT_EQ(one_node("y = Pad@13(x, pads)"), "");
  EXPECT_EQ(one_node("y = Resize@13(x, _, scales) {mode=\"linear\"}"), "");
  EXPECT_EQ(one_node("y, i = TopK@11(x, k) {axis=-1}"), "");
  EXPECT_EQ(one_node("a, b = Split@13(x, halves) {axis=1}  y = Concat@13(b, a) {axis=1}"), "");
  EXPECT_EQ(one_node("y = PRelu@16(x, slope)"), "");
  EXPECT_EQ(one_node("y = ReduceMax@18(x, axis) {keepdims=0}"), "");
  EXPECT_EQ(one_node("y = BatchNormalization@15(x, s, s, s, s)"), "");
}

TEST(ImagesApart, StatisticsIndicesAndSizesOfTheBatchMixThem) {
  const auto one_node = [](std::string_view node) {
    return reason(fmt::format(R"(graph (f32[n,6,4,4] x) -> (y) {{
      scales = constant f32[4] {{2, 1, 1, 1}} s = constant f32[6] random(2) pads = constant i64[8] {{0, 0, 0, 0, 6, 0, 0, 0}} {} }})",
                              node),
                  {6, 4, 4});
  };
  EXPECT_THAT(one_node("y = BatchNormalization@15(x, s, s, s, s) {training_mode=1}"), HasSubstr("BatchNormalization"));
  EXPECT_THAT(one_node("v, y = MaxPool@12(x) {kernel_shape=[2, 2]}"), HasSubstr("MaxPool"));
  EXPECT_THAT(one_node("y = Resize@13(x, _, scales) {mode=\"linear\"}"), HasSubstr("Resize"));
  EXPECT_THAT(one_node("y = Pad@13(x, pads)"), HasSubstr("Pad"));
}

TEST(ImagesApart, ReuseOfWeightsIsThatOfAllProducts) {
  const Graph graph = parsed(R"(graph (f32[1,3,8,8] x) -> (y) {
    w = constant f32[4,3,3,3] random(1)  v = constant f32[4,8] random(2)  axes = constant i64[2] {2, 3}
    a = Conv@11(x, w) {pads=[1, 1, 1, 1]}  m = ReduceMean@18(a, axes) {keepdims=0}  y = MatMul@13(m, v)
  })");
  const Specialised one =
      *specialise(graph, std::vector<TensorType>{{DType::f32, {1, 3, 8, 8}}}, *parse_operators(graph));
  EXPECT_DOUBLE_EQ(weight_reuse(one.graph), (108.0 * 64 + 32) / 140);
}

TEST(ImagesApart, AReshapeThatInterleavesImagesMixesThem) {
  EXPECT_THAT(reason(R"(graph (f32[n,6,4] x) -> (y) {
    shape = constant i64[3] {6, -1, 4}
    a = Reshape@14(x, shape)  y = Transpose@13(a) {perm=[1, 0, 2]}
  })",
                     {6, 4}),
              HasSubstr("Reshape"));
}

TEST(ImagesApart, AnInputWithoutImagesMixesThem) {
  EXPECT_THAT(
      reason(R"(graph (f32[n,4] x, f32[n,4] w) -> (y) { t = Transpose@13(w) {perm=[1, 0]} y = MatMul@13(x, t) })", {4}),
      HasSubstr("MatMul"));
}

}  // namespace
}  // namespace fovea::passes
