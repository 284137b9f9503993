// Steps that work along rows, columns and groups, beside the reference kernels, which compute in f64.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

void expect_same(const std::string& text, std::string_view kernel) {
  auto parsed = parse_graph(text);
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  const auto graph = std::make_shared<const Graph>(std::move(parsed).value());
  std::vector<Tensor> inputs;
  for (ValueId v : graph->inputs) {
    Tensor t = *Tensor::allocate(DType::f32, graph->value(v).type.concrete()->shape);
    std::mt19937 random(static_cast<unsigned>(v) + 1);
    std::normal_distribution<float> normal(3);
    for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
    inputs.push_back(std::move(t));
  }
  const auto want = (*Engine::compile(graph, {.threads = 1, .fast_kernels = false}))->run(inputs);
  ASSERT_TRUE(want.ok()) << want.error().to_string();
  for (const int threads : {1, 2, 3}) {
    std::vector<StepProfile> profile;
    const auto got = (*Engine::compile(graph, {.threads = threads}))->run(inputs, &profile);
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    ASSERT_EQ(profile[0].kernel, kernel) << text;
    for (int64_t i = 0; i < (*want)[0].size(); ++i) {
      const float w = (*want)[0].data<float>()[i];
      ASSERT_NEAR((*got)[0].data<float>()[i], w, 2e-6 + std::abs(w) * 4e-6) << threads << " threads " << text;
    }
  }
}

TEST(RowSteps, SoftmaxDownColumns) {
  expect_same("graph (f32[2,37,21] x) -> (y) { y = Softmax@13(x) {axis=1} }", "column_softmax");
  expect_same("graph (f32[5,3,4,33] x) -> (y) { y = Softmax@13(x) {axis=0} }", "column_softmax");
  expect_same("graph (f32[3,50,1] x) -> (y) { y = Softmax@13(x) {axis=1} }", "softmax");
}

TEST(RowSteps, NormsOfRowsAndColumns) {
  expect_same("graph (f32[2,9,13,21] x) -> (y) { a = constant i64[2] {1, 2}  y = ReduceL2@18(x, a) {keepdims=1} }",
              "norm");
  expect_same("graph (f32[1,120,70,8] x) -> (y) { a = constant i64[2] {1, 2}  y = ReduceL2@18(x, a) {keepdims=0} }",
              "norm");
  expect_same("graph (f32[7,45] x) -> (y) { a = constant i64[1] {-1}  y = ReduceL2@18(x, a) {keepdims=0} }", "norm");
}

TEST(RowSteps, ChoicesByNan) {
  // Square roots of some negative numbers are NaN.
  expect_same(R"(graph (f32[3,40,70] x) -> (y) {
    z = constant f32[] {0.5}
    r = Sqrt@13(x)
    n = IsNaN@20(r)
    y = Where@16(n, z, r)
  })",
              "unary");
  expect_same(R"(graph (f32[3,40] x, f32[3,40] z) -> (y) {
    r = Sqrt@13(x)
    n = IsNaN@20(r)
    y = Where@16(n, z, x)
  })",
              "unary");
}

TEST(RowSteps, GroupsOfChannels) {
  expect_same(R"(graph (f32[2,6,11,9] x, f32[6] s, f32[6] b) -> (y) {
    y = GroupNormalization@21(x, s, b) {num_groups=3}
  })",
              "group_norm");
  expect_same(R"(graph (f32[1,8,70,90] x, f32[2] s, f32[2] b) -> (y) {
    y = GroupNormalization@18(x, s, b) {num_groups=2}
  })",
              "group_norm");
  expect_same(R"(graph (f32[3,5,17] x, f32[5] s, f32[5] b) -> (y) { y = InstanceNormalization@6(x, s, b) })",
              "group_norm");
}

}  // namespace
}  // namespace fovea::cpu
