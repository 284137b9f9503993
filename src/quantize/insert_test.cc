#include "quantize/insert.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/verify.h"
#include "ops/evaluate.h"
#include "quantize/prepare.h"

namespace fovea::quantize {
namespace {

using testing::ElementsAre;

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph.ok() ? std::move(graph).value() : Graph();
}

Tensor waves(const Shape& shape) {
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = std::sin(0.7f * static_cast<float>(i));
  return t;
}

std::vector<std::string> operators(const Graph& graph) {
  std::vector<std::string> names;
  for (NodeId id : graph.order()) names.push_back(graph.node(id).op_type);
  return names;
}

/// Ranges of every value, from one run.
Ranges observed(const Graph& graph, const Selection& selection, const Tensor& input) {
  Graph tapped = graph;
  tapped.outputs.clear();
  std::vector<ValueId> values;
  for (const auto& [value, stored] : selection.values) values.push_back(value);
  tapped.outputs = values;
  const auto results = ops::evaluate(tapped, std::span(&input, 1));
  EXPECT_TRUE(results.ok()) << results.error().to_string();
  Ranges ranges;
  for (size_t i = 0; i < values.size(); ++i) {
    Observer observer;
    observer.observe((*results)[i].view());
    ranges[values[i]] = *choose_range(observer, {.method = Method::minmax});
  }
  return ranges;
}

struct Made {
  Graph graph;
  double relative_error = 0;
};

Made quantised(const Graph& model, const Tensor& input, const ScaleOptions& scales = {}, const SelectOptions& what = {},
               const InsertOptions& how = {}) {
  auto graph = prepare(model);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  const Selection selection = select(*graph, what);
  const Scales chosen = choose_scales(*graph, selection, observed(*graph, selection, input), scales);
  auto inserted = insert(*graph, selection, chosen, how);
  EXPECT_TRUE(inserted.ok()) << inserted.error().to_string();
  EXPECT_TRUE(verify(inserted->graph).ok()) << verify(inserted->graph).error().to_string();
  const auto before = ops::evaluate(model, std::span(&input, 1)),
             after = ops::evaluate(inserted->graph, std::span(&input, 1));
  EXPECT_TRUE(after.ok()) << after.error().to_string();
  double error = 0, signal = 0;
  for (int64_t i = 0; i < (*before)[0].size(); ++i) {
    const double x = (*before)[0].data<float>()[i], y = (*after)[0].data<float>()[i];
    error += (x - y) * (x - y);
    signal += x * x;
  }
  return {std::move(inserted->graph), std::sqrt(error / signal)};
}

constexpr const char* kResidual = R"(graph (f32[1,3,8,8] x) -> (y) {
  w = constant f32[4,3,3,3] random(1)  b = constant f32[4] random(2)
  v = constant f32[4,4,3,3] random(3)
  a = Conv@13(x, w, b) {pads=[1, 1, 1, 1]} "first"
  r = Relu@13(a)
  c = Conv@13(r, v) {pads=[1, 1, 1, 1]} "second"
  s = Add@13(c, r)
  t = Relu@13(s)
  g = GlobalAveragePool@13(t)
  f = Flatten@13(g)
  m = constant f32[4,5] random(4)
  y = Gemm@13(f, m) "last"
})";

TEST(Insert, AResidualBlockBecomesInt8FromEndToEnd) {
  const Made made = quantised(parsed(kResidual), waves({1, 3, 8, 8}));
  EXPECT_LT(made.relative_error, 0.03);
  // Both Relus are what Q does anyway.
  EXPECT_THAT(operators(made.graph),
              testing::UnorderedElementsAre("QuantizeLinear", "DequantizeLinear",            // x
                                            "DequantizeLinear", "DequantizeLinear", "Conv",  // w, b
                                            "QuantizeLinear", "DequantizeLinear",            // r
                                            "DequantizeLinear", "Conv", "QuantizeLinear", "DequantizeLinear", "Add",
                                            "QuantizeLinear", "DequantizeLinear", "GlobalAveragePool", "QuantizeLinear",
                                            "DequantizeLinear", "Flatten", "QuantizeLinear", "DequantizeLinear",
                                            "DequantizeLinear", "Gemm"));
}

TEST(Insert, WeightsAndBiasesAreWhatIntegerProductsTake) {
  const Made made = quantised(parsed(kResidual), waves({1, 3, 8, 8}));
  const Graph& g = made.graph;
  const Tensor& weight = *g.constant(*g.find_value("w_quantized"));
  EXPECT_EQ(weight.type(), (TensorType{DType::i8, {4, 3, 3, 3}}));
  const Tensor &ws = *g.constant(*g.find_value("w_scale")), &bs = *g.constant(*g.find_value("b_scale"));
  const float xs = g.constant(*g.find_value("x_scale"))->data<float>()[0];
  ASSERT_EQ(ws.size(), 4);
  for (int64_t c = 0; c < 4; ++c) EXPECT_EQ(bs.data<float>()[c], xs * ws.data<float>()[c]);
  EXPECT_EQ(g.constant(*g.find_value("b_quantized"))->dtype(), DType::i32);
  EXPECT_EQ(g.constant(*g.find_value("x_zero_point"))->dtype(), DType::u8);
}

TEST(Insert, SymmetricKeepsReluAndFloatBiasForTensorRT) {
  const Made made = quantised(parsed(kResidual), waves({1, 3, 8, 8}), {DType::i8, true}, {}, {.integer_bias = false});
  EXPECT_LT(made.relative_error, 0.05);
  EXPECT_THAT(operators(made.graph), testing::Contains("Relu").Times(2));
  EXPECT_FALSE(made.graph.find_value("b_quantized"));
  EXPECT_EQ(made.graph.constant(*made.graph.find_value("x_zero_point"))->data<int8_t>()[0], 0);
}

TEST(Insert, ResidualStreamsOfTransformersStayFloat) {
  const Graph model = parsed(R"(graph (f32[1,6,8] x) -> (y) {
    w = constant f32[8,8] random(1)  v = constant f32[8,8] random(2)
    a = MatMul@13(x, w)
    b = Add@13(a, x)
    c = MatMul@13(b, v)
    y = Add@13(c, b)
  })");
  const Made made = quantised(model, waves({1, 6, 8}));
  EXPECT_LT(made.relative_error, 0.02);
  EXPECT_THAT(operators(made.graph), testing::Contains("QuantizeLinear").Times(2));
  // The residual reads the float value.
  const NodeId last = made.graph.value(made.graph.outputs[0]).producer;
  bool reads_float = false;
  for (ValueId in : made.graph.node(last).inputs)
    reads_float |= made.graph.value(in).producer != kNoNode && made.graph.node(made.graph.value(in).producer).is("Add");
  EXPECT_TRUE(reads_float);
}

TEST(Insert, ProductsOfActivationsOnRequest) {
  const Graph model = parsed(R"(graph (f32[1,6,8] x) -> (y) {
    t = Transpose@13(x) {perm=[0, 2, 1]}
    s = MatMul@13(x, t)
    p = Softmax@13(s)
    y = MatMul@13(p, x)
  })");
  EXPECT_THAT(operators(quantised(model, waves({1, 6, 8})).graph), testing::Not(testing::Contains("QuantizeLinear")));
  const Made made = quantised(model, waves({1, 6, 8}), {}, {.attention = true});
  EXPECT_LT(made.relative_error, 0.05);
  EXPECT_THAT(operators(made.graph), testing::Contains("QuantizeLinear").Times(3));
}

TEST(Insert, BatchNormsAndScalesByChannelAreFoldedFirst) {
  const Graph model = parsed(R"(graph (f32[1,3,8,8] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)
    s = constant f32[4] random(3)  t = constant f32[4] random(4)  m = constant f32[4] random(5)
    v = constant f32[4] {0.5, 1, 2, 0.25}
    k = constant f32[4,1,1] random(6)  l = constant f32[1,4,1,1] random(7)
    f32[1,4,8,8] c = Conv@11(x, w)
    f32[1,4,8,8] d = Mul@14(c, k)
    e = Add@14(d, l)
    r = Relu@14(e)
    w2 = constant f32[4,4,1,1] random(8)
    c2 = Conv@11(r, w2)
    y = BatchNormalization@15(c2, s, t, m, v)
  })");
  auto graph = prepare(model);
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  EXPECT_THAT(operators(*graph), ElementsAre("Conv", "Relu", "Conv"));
  EXPECT_EQ(graph->value(graph->outputs[0]).name, "y");
  EXPECT_LT(quantised(model, waves({1, 3, 8, 8})).relative_error, 0.05);
}

TEST(Insert, SharedScalesOfConcatenationsAndPools) {
  const Graph model = parsed(R"(graph (f32[1,3,8,8] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)  v = constant f32[4,3,1,1] random(2)
    a = Conv@13(x, w)
    b = Conv@13(x, v)
    c = Concat@13(a, b) {axis=1}
    p = MaxPool@13(c) {kernel_shape=[2, 2], strides=[2, 2]}
    u = constant f32[2,8,1,1] random(3)
    y = Conv@13(p, u)
  })");
  const Made made = quantised(model, waves({1, 3, 8, 8}));
  const auto scale = [&](const std::string& name) {
    return made.graph.constant(*made.graph.find_value(name + "_scale"))->data<float>()[0];
  };
  EXPECT_EQ(scale("a"), scale("b"));
  EXPECT_EQ(scale("a"), scale("c"));
  EXPECT_EQ(scale("a"), scale("p"));
  EXPECT_LT(made.relative_error, 0.03);
}

TEST(Insert, WhatEnlargesAndPadsKeepsTheScale) {
  const Graph model = parsed(R"(graph (f32[1,3,8,8] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)  v = constant f32[2,4,3,3] random(3)
    scales = constant f32[4] {1, 1, 2, 2}  pads = constant i64[8] {0, 0, 1, 1, 0, 0, 1, 1}
    a = Conv@13(x, w)
    r = Resize@13(a, _, scales) {mode="linear"}
    p = Pad@13(r, pads)
    y = Conv@13(p, v)
  })");
  const Made made = quantised(model, waves({1, 3, 8, 8}));
  EXPECT_LT(made.relative_error, 0.03);
  EXPECT_EQ(made.graph.constant(*made.graph.find_value("a_scale"))->data<float>()[0],
            made.graph.constant(*made.graph.find_value("p_scale"))->data<float>()[0]);
}

TEST(Insert, ExcludedNodesStayFloat) {
  const Made made = quantised(parsed(kResidual), waves({1, 3, 8, 8}), {}, {.exclude = {"sec*", "Gemm"}});
  EXPECT_FALSE(made.graph.find_value("v_quantized"));
  EXPECT_FALSE(made.graph.find_value("m_quantized"));
  EXPECT_TRUE(made.graph.find_value("w_quantized"));
  const Selection none = select(*prepare(parsed(kResidual)), {.exclude = {"third"}});
  EXPECT_THAT(none.unmatched, ElementsAre("third"));
}

TEST(Insert, AQuantisedModelIsRefused) {
  const Made made = quantised(parsed(kResidual), waves({1, 3, 8, 8}));
  const auto again = prepare(made.graph);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, testing::HasSubstr("quantised already"));
}

}  // namespace
}  // namespace fovea::quantize
