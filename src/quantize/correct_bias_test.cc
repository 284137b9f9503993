#include "quantize/correct_bias.h"

#include <cmath>

#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/evaluate.h"
#include "quantize/equalize.h"

namespace fovea::quantize {
namespace {

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph.ok() ? std::move(graph).value() : Graph();
}

Tensor constant_input(const Shape& shape, float value) {
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = value + 0.001f * static_cast<float>(i % 5);
  return t;
}

/// The mean of each channel of what two graphs answer, the one less the other; the largest of them.
double largest_shift(const Graph& a, const Graph& b, const Tensor& input) {
  const auto x = ops::evaluate(a, std::span(&input, 1)), y = ops::evaluate(b, std::span(&input, 1));
  EXPECT_TRUE(x.ok() && y.ok());
  const int64_t channels = (*x)[0].shape().back(), rows = (*x)[0].size() / channels;
  double largest = 0;
  for (int64_t c = 0; c < channels; ++c) {
    double shift = 0;
    for (int64_t r = 0; r < rows; ++r)
      shift += (*x)[0].data<float>()[r * channels + c] - (*y)[0].data<float>()[r * channels + c];
    largest = std::max(largest, std::fabs(shift / static_cast<double>(rows)));
  }
  return largest;
}

/// The graph with its weights rounded as they are stored, in float.
Graph with_rounded_weights(Graph graph, const Selection& selection) {
  for (const IntegerNode& node : selection.nodes) {
    const auto stored = quantize_weight(*graph.constant(node.weight), node.weight_axis, {});
    Tensor rounded = *Tensor::allocate(DType::f32, stored->values.shape());
    int64_t inner = 1;
    for (size_t d = static_cast<size_t>(node.weight_axis) + 1; d < rounded.shape().size(); ++d)
      inner *= rounded.shape()[d];
    for (int64_t i = 0; i < rounded.size(); ++i)
      rounded.mutable_view().as<float>()[i] = static_cast<float>(stored->values.data<int8_t>()[i]) *
                                              stored->scales.data<float>()[i / inner % stored->scales.size()];
    graph.set_constant(node.weight, std::move(rounded));
  }
  return graph;
}

void expect_corrected(const char* text, const Shape& shape, int64_t axis) {
  const Graph model = parsed(text);
  const Tensor input = constant_input(shape, 3);
  Selection selection = select(model, {});
  Observer observer;
  observer.channel_axis = axis;
  observer.observe(input.view());
  const ValueId x = model.inputs[0];
  Ranges ranges;
  for (const auto& [value, stored] : selection.values) ranges[value] = {0, 4};
  Graph corrected = model;
  const auto changed =
      correct_bias(corrected, selection, choose_scales(model, selection, ranges, {}), {{x, observer.channel_means()}});
  ASSERT_TRUE(changed.ok()) << changed.error().to_string();
  EXPECT_EQ(*changed, 1);
  const double before = largest_shift(model, with_rounded_weights(model, selection), input);
  const double after = largest_shift(model, with_rounded_weights(corrected, selection), input);
  EXPECT_GT(before, 1e-3);
  EXPECT_LT(after, before / 20);
}

TEST(CorrectBias, TheMeanOfEachChannelComesBack) {
  expect_corrected(R"(graph (f32[7,64] x) -> (y) {
    w = constant f32[64,5] random(1)  b = constant f32[5] random(2)
    y = Gemm@13(x, w, b)
  })",
                   {7, 64}, -1);
  expect_corrected(R"(graph (f32[7,64] x) -> (y) {
    w = constant f32[64,5] random(1)  b = constant f32[5] random(2)
    p = MatMul@13(x, w)
    y = Add@13(p, b)
  })",
                   {7, 64}, -1);
}

TEST(CorrectBias, AConvolutionWithoutBiasGetsOne) {
  expect_corrected(R"(graph (f32[1,16,9,5] x) -> (t) {
    w = constant f32[6,8,1,1] random(1)
    y = Conv@13(x, w) {group=2}
    t = Transpose@13(y) {perm=[0, 2, 3, 1]}
  })",
                   {1, 16, 9, 5}, 1);
}

TEST(CorrectBias, AGemmWithoutBiasGetsOneUnlessItsBetaScalesIt) {
  constexpr const char* kGemm = R"(graph (f32[7,64] x) -> (y) {
    w = constant f32[64,5] random(1)
    y = Gemm@13(x, w) {beta=BETA}
  })";
  const auto with_beta = [&](const std::string& beta) {
    std::string text = kGemm;
    return text.replace(text.find("BETA"), 4, beta);
  };
  expect_corrected(with_beta("1.0").c_str(), {7, 64}, -1);
  const Graph model = parsed(with_beta("0.5"));
  Selection selection = select(model, {});
  Ranges ranges;
  for (const auto& [value, stored] : selection.values) ranges[value] = {0, 4};
  Graph corrected = model;
  const auto changed = correct_bias(corrected, selection, choose_scales(model, selection, ranges, {}),
                                    {{model.inputs[0], std::vector<double>(64, 3)}});
  ASSERT_TRUE(changed.ok()) << changed.error().to_string();
  EXPECT_EQ(*changed, 0);
}

TEST(Equalize, TheModelComputesTheSameWithEvenerWeights) {
  Graph model = parsed(R"(graph (f32[1,3,6,6] x) -> (y) {
    w = constant f32[4,3,1,1] random(1)  b = constant f32[4] random(2)
    v = constant f32[4,1,3,3] random(3)
    u = constant f32[5,4,1,1] random(4)
    a = Conv@13(x, w, b)
    r = Relu@13(a)
    c = Conv@13(r, v) {group=4}
    y = Conv@13(c, u)
  })");
  // One channel's weights are a hundred times the others'.
  const ValueId w = *model.find_value("w");
  Tensor spread = *Tensor::allocate(DType::f32, {4, 3, 1, 1});
  for (int64_t i = 0; i < 12; ++i)
    spread.mutable_view().as<float>()[i] = model.constant(w)->data<float>()[i] * (i < 3 ? 100.0f : 1.0f);
  model.set_constant(w, spread);
  Graph even = model;
  EXPECT_EQ(equalize(even), 2);
  const Tensor input = constant_input({1, 3, 6, 6}, 0.5f);
  const auto x = ops::evaluate(model, std::span(&input, 1)), y = ops::evaluate(even, std::span(&input, 1));
  for (int64_t i = 0; i < (*x)[0].size(); ++i)
    EXPECT_NEAR((*x)[0].data<float>()[i], (*y)[0].data<float>()[i], 1e-4 * (1 + std::fabs((*x)[0].data<float>()[i])));
  const auto most = [](const Graph& graph, const char* name, int64_t begin, int64_t end) {
    float largest = 0;
    for (int64_t i = begin; i < end; ++i)
      largest = std::max(largest, std::fabs(graph.constant(*graph.find_value(name))->data<float>()[i]));
    return largest;
  };
  EXPECT_LT(most(even, "w", 0, 3) / most(even, "w", 3, 6), 0.5f * most(model, "w", 0, 3) / most(model, "w", 3, 6));
}

}  // namespace
}  // namespace fovea::quantize
