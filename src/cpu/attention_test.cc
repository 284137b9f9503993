// The fused attention and rotary embedding against their reference kernels.
#include <cmath>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

Tensor random_tensor(Shape shape, unsigned seed) {
  Tensor t = *Tensor::allocate(DType::f32, std::move(shape));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
  return t;
}

/// Runs the graph with its fast step, on one to three threads, and with its reference kernel, and compares.
void expect_same(const std::string& text, std::string_view kernel, double tolerance = 1e-5) {
  auto parsed = parse_graph(text);
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  const auto graph = std::make_shared<const Graph>(std::move(parsed).value());
  std::vector<Tensor> inputs;
  for (ValueId v : graph->inputs)
    inputs.push_back(random_tensor(graph->value(v).type.concrete()->shape, static_cast<unsigned>(v)));
  const auto want = (*Engine::compile(graph, {.threads = 1, .fast_kernels = false}))->run(inputs);
  ASSERT_TRUE(want.ok()) << want.error().to_string();
  for (const int threads : {1, 2, 3}) {
    std::vector<StepProfile> profile;
    const auto got = (*Engine::compile(graph, {.threads = threads}))->run(inputs, &profile);
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    ASSERT_EQ(profile[0].kernel, kernel) << text;
    for (int64_t i = 0; i < (*want)[0].size(); ++i)
      ASSERT_NEAR((*got)[0].data<float>()[i], (*want)[0].data<float>()[i], tolerance) << threads << " threads " << text;
  }
}

struct Sizes {
  int64_t batch, heads, queries, keys, depth, value_depth;
};

TEST(Attention, OddSizesOfOneTensorThatHoldsAllThree) {
  for (const Sizes s :
       {Sizes{1, 1, 1, 1, 1, 1}, Sizes{1, 2, 5, 5, 3, 3}, Sizes{2, 3, 17, 17, 8, 8}, Sizes{1, 2, 61, 61, 32, 32},
        Sizes{1, 3, 130, 130, 20, 20}, Sizes{2, 1, 197, 197, 64, 64}, Sizes{1, 1, 235, 235, 16, 16}}) {
    const int64_t row = 3 * s.heads * s.depth;
    expect_same(fmt::format(R"(graph (f32[{0},{1},{2}] x) -> (y) {{
      y = fovea.Attention@1(x, x, x) {{sizes=[{0}, {3}, {1}, {1}, {4}, {4}], scale=0.3, q=[0, {5}, {4}, {2}, 1],
                                     k=[{6}, {5}, {4}, {2}, 1], v=[{7}, {5}, {4}, {2}, 1]}}
    }})",
                            s.batch, s.queries, row, s.heads, s.depth, s.queries * row, s.heads * s.depth,
                            2 * s.heads * s.depth),
                "attention");
  }
}

TEST(Attention, SeparateOperandsWithAMaskAndOtherValueDepth) {
  for (const Sizes s : {Sizes{1, 2, 7, 9, 4, 6}, Sizes{2, 2, 100, 33, 32, 17}, Sizes{1, 1, 3, 850, 16, 40}})
    expect_same(fmt::format(R"(graph (f32[{0},{1},{2},{4}] q, f32[{0},{1},{4},{3}] k, f32[{0},{1},{3},{5}] v,
                                     f32[{0},1,{2},{3}] m) -> (y) {{
      y = fovea.Attention@1(q, k, v, m) {{sizes=[{0}, {1}, {2}, {3}, {4}, {5}], nan_to_zero=1,
        q=[0, {6}, {7}, {4}, 1], k=[0, {8}, {9}, 1, {3}], v=[0, {10}, {11}, {5}, 1]}}
    }})",
                            s.batch, s.heads, s.queries, s.keys, s.depth, s.value_depth, s.heads * s.queries * s.depth,
                            s.queries * s.depth, s.heads * s.keys * s.depth, s.keys * s.depth,
                            s.heads * s.keys * s.value_depth, s.keys * s.value_depth),
                "attention");
}

TEST(Attention, RotaryEmbeddingsOfQueriesAndKeys) {
  for (const bool interleaved : {false, true})
    for (const int rope : {1, 2, 3})
      expect_same(fmt::format(R"(graph (f32[1,2,19,12] x, f32[18,12] c, f32[18,12] s) -> (y) {{
        y = fovea.Attention@1(x, x, x, _, c, s) {{sizes=[1, 2, 19, 19, 12, 12], scale=0.2, rope={}, rope_skip=1,
          interleaved={}, q=[0, 0, 228, 12, 1], k=[0, 0, 228, 12, 1], v=[0, 0, 228, 12, 1]}}
      }})",
                              rope, interleaved ? 1 : 0),
                  "attention");
}

TEST(Attention, RotaryEmbeddingsOfOperandsWhoseChannelsLieApart) {
  for (const bool interleaved : {false, true})
    for (const int rope : {0, 1, 2, 3})
      expect_same(fmt::format(R"(graph (f32[2,2,12,70] q, f32[2,2,12,70] k, f32[2,2,70,9] v, f32[68,12] c,
                                       f32[68,12] s) -> (y) {{
        y = fovea.Attention@1(q, k, v{0}) {{sizes=[2, 2, 70, 70, 12, 9], scale=0.3, rope={1}, rope_skip={2},
          interleaved={3}, q=[0, 1680, 840, 1, 70], k=[0, 1680, 840, 1, 70], v=[0, 1260, 630, 9, 1]}}
      }})",
                              rope > 0 ? ", _, c, s" : "", rope, rope > 0 ? 2 : 0, interleaved && rope > 0 ? 1 : 0),
                  "attention");
}

TEST(Attention, ARotaryEmbeddingByItself) {
  for (const bool interleaved : {false, true})
    expect_same(fmt::format(R"(graph (f32[2,3,9,10] x, f32[7,10] c, f32[7,10] s) -> (y) {{
      y = fovea.Rope@1(x, c, s) {{skip=2, interleaved={}}}
    }})",
                            interleaved ? 1 : 0),
                "rope");
}

}  // namespace
}  // namespace fovea::cpu
