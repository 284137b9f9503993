// Convolutions in every way in which a step computes them, beside the reference kernels.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

using ::testing::HasSubstr;

Tensor random_tensor(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
  return t;
}

std::unique_ptr<Engine> compiled(const std::string& text, const EngineOptions& options) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  auto engine = Engine::compile(std::make_shared<const Graph>(std::move(graph).value()), options);
  EXPECT_TRUE(engine.ok()) << engine.error().to_string();
  return std::move(engine).value();
}

/// The largest difference from the reference kernels, relative to the largest value; and the kernels that ran.
double difference(const std::string& text, const Tensor& x, int threads, std::string& kernels) {
  EngineOptions plain, fast;
  plain.fast_kernels = false;
  fast.threads = threads;
  const std::vector<Tensor> inputs{x};
  const auto expected = compiled(text, plain)->run(inputs);
  std::vector<StepProfile> profile;
  const auto got = compiled(text, fast)->run(inputs, &profile);
  EXPECT_TRUE(expected.ok() && got.ok());
  kernels.clear();
  for (const StepProfile& step : profile) kernels += step.kernel + " ";
  const Tensor &a = (*expected)[0], &b = (*got)[0];
  EXPECT_EQ(a.type(), b.type());
  double most = 0, wrong = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a.data<float>()[i])));
    wrong = std::max(wrong, std::fabs(static_cast<double>(a.data<float>()[i]) - b.data<float>()[i]));
  }
  return wrong / most;
}

TEST(ConvSteps, WinogradWithItsResidualMatchesDirectConvolution) {
  const auto block = [](int64_t channels, int64_t height, int64_t width) {
    return fmt::format(
        R"(graph (f32[n,{0},{1},{2}] x) -> (y) {{
    w = constant f32[{0},{0},3,3] random(1)  b = constant f32[{0}] random(2)
    w2 = constant f32[{0},{0},3,3] random(3)  b2 = constant f32[{0}] random(4)
    c = Conv@11(x, w, b) {{pads=[1, 1, 1, 1]}}
    r = Relu@14(c)
    d = Conv@11(r, w2, b2) {{pads=[1, 1, 1, 1]}}
    s = Add@14(d, x)
    y = Relu@14(s)
  }})",
        channels, height, width);
  };
  std::string kernels;
  for (int threads : {1, 2, 3}) {
    // Many tiles, a few, and few tiles of many channels, whose columns threads share out.
    EXPECT_LT(difference(block(40, 37, 30), random_tensor({1, 40, 37, 30}, 1), threads, kernels), 1e-5);
    EXPECT_THAT(kernels, HasSubstr("winograd_"));
    EXPECT_LT(difference(block(33, 7, 9), random_tensor({3, 33, 7, 9}, 2), threads, kernels), 1e-5);
    EXPECT_LT(difference(block(160, 8, 8), random_tensor({1, 160, 8, 8}, 3), threads, kernels), 1e-5);
  }
}

TEST(ConvSteps, DepthwiseConvolutionsOfEverySizeMatchTheReferenceKernels) {
  std::string kernels;
  for (int kernel : {1, 2, 3, 5, 7})
    for (int stride : {1, 2, 3}) {
      const std::string text = fmt::format(
          R"(graph (f32[2,20,19,16] x) -> (y) {{
    w = constant f32[20,1,{0},{0}] random(1)  b = constant f32[20] random(2)
    c = Conv@11(x, w, b) {{group=20, pads=[1, 1, 1, 1], strides=[{1}, {1}]}}
    y = HardSwish@14(c)
  }})",
          kernel, stride);
      EXPECT_LT(difference(text, random_tensor({2, 20, 19, 16}, 4), 2, kernels), 1e-5) << kernel << " " << stride;
      EXPECT_THAT(kernels, HasSubstr(kernel != 2 && stride < 3 ? "depthwise_lines" : "depthwise_table"));
    }
}

TEST(ConvSteps, GroupedConvolutionsMatchTheReferenceKernels) {
  struct Groups {
    int groups, in, out, kernel, stride, dilation;
  };
  constexpr Groups kMost[] = {{4, 12, 24, 3, 2, 1}, {32, 4, 4, 3, 1, 1}, {7, 8, 8, 3, 2, 1},    {19, 8, 8, 3, 1, 1},
                              {3, 24, 24, 3, 1, 1}, {32, 1, 2, 7, 2, 1}, {20, 1, 2, 3, 1, 1},   {32, 2, 1, 3, 1, 1},
                              {18, 2, 2, 3, 1, 2},  {6, 5, 7, 2, 3, 1},  {24, 16, 16, 1, 1, 1}, {2, 32, 32, 3, 1, 1}};
  std::string kernels;
  for (const Groups& g : kMost) {
    const std::string text = fmt::format(
        R"(graph (f32[2,{0},11,13] x) -> (y) {{
    w = constant f32[{1},{2},{3},{3}] random(1)  b = constant f32[{1}] random(2)
    c = Conv@11(x, w, b) {{group={4}, pads=[1, 1, 1, 1], strides=[{5}, {5}], dilations=[{6}, {6}]}}
    y = HardSwish@14(c)
  }})",
        g.groups * g.in, g.groups * g.out, g.in, g.kernel, g.groups, g.stride, g.dilation);
    for (int threads : {1, 2, 3}) {
      EXPECT_LT(difference(text, random_tensor({2, g.groups * g.in, 11, 13}, 5), threads, kernels), 1e-5)
          << g.groups << " groups " << g.in << " -> " << g.out;
      const bool narrow = g.in * g.out < 256 && g.groups > 8 && active_isa() >= Isa::avx2;
      EXPECT_THAT(kernels, HasSubstr(narrow ? "grouped_" : "_")) << g.groups << " groups " << g.in << " -> " << g.out;
    }
  }
}

TEST(ConvSteps, AResidualOrAWideImageDoesNotDisturbGroups) {
  const std::string text = R"(graph (f32[1,64,70,90] x) -> (y) {
    w = constant f32[64,8,3,3] random(1)  w2 = constant f32[64,4,3,3] random(3)
    c = Conv@11(x, w) {group=8, pads=[1, 1, 1, 1]}
    s = Add@14(c, x)
    y = Conv@11(s, w2) {group=16, pads=[1, 1, 1, 1]}
  })";
  std::string kernels;
  EXPECT_LT(difference(text, random_tensor({1, 64, 70, 90}, 6), 2, kernels), 1e-5);
}

}  // namespace
}  // namespace fovea::cpu
