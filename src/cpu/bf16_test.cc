// Precision::bf16 beside the reference kernels, which compute in f64: operands are rounded to 8 bits, each by at most
// 2^-8 of itself and 1.7e-3 in the root mean square, so products err by 2.4e-3 of the result.
#include <cmath>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
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

/// Runs the graph in bf16 on one to three threads and compares the first output by its relative L2 error; gives the
/// kernels that ran.
std::string expect_near(const std::string& text, double tolerance) {
  auto parsed = parse_graph(text);
  EXPECT_TRUE(parsed.ok()) << parsed.error().to_string();
  if (!parsed.ok()) return {};
  const auto graph = std::make_shared<const Graph>(std::move(parsed).value());
  std::vector<Tensor> inputs;
  for (ValueId v : graph->inputs)
    inputs.push_back(random_tensor(graph->value(v).type.concrete()->shape, static_cast<unsigned>(v) + 7));
  const auto want = (*Engine::compile(graph, {.threads = 1, .fast_kernels = false}))->run(inputs);
  EXPECT_TRUE(want.ok()) << want.error().to_string();
  std::string kernels;
  for (const int threads : {1, 2, 3}) {
    std::vector<StepProfile> profile;
    const auto got =
        (*Engine::compile(graph, {.threads = threads, .precision = Precision::bf16}))->run(inputs, &profile);
    EXPECT_TRUE(got.ok()) << got.error().to_string();
    kernels.clear();
    for (const StepProfile& step : profile) kernels += step.kernel + " ";
    double wrong = 0, size = 0;
    for (int64_t i = 0; i < (*want)[0].size(); ++i) {
      const double a = (*want)[0].data<float>()[i], b = (*got)[0].data<float>()[i];
      wrong += (a - b) * (a - b);
      size += a * a;
    }
    EXPECT_LE(std::sqrt(wrong), tolerance * std::sqrt(size)) << threads << " threads\n" << text;
  }
  return kernels;
}

class Bf16 : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_bf16_products()) GTEST_SKIP() << "this CPU, or FOVEA_ISA, has no products of bf16";
  }
};

TEST_F(Bf16, ConvolutionsOfEveryForm) {
  struct Form {
    int64_t batch, channels, height, width, out, kernel, stride, dilation, pad, groups;
  };
  for (const Form& f : {Form{1, 64, 14, 14, 96, 3, 1, 1, 1, 1}, Form{2, 33, 9, 11, 40, 3, 1, 1, 1, 1},
                        Form{1, 3, 30, 31, 24, 7, 2, 1, 3, 1}, Form{1, 4, 19, 20, 70, 3, 1, 1, 1, 1},
                        Form{1, 32, 15, 15, 64, 3, 2, 1, 1, 1}, Form{1, 48, 13, 17, 31, 5, 3, 1, 2, 1},
                        Form{1, 32, 14, 14, 32, 3, 1, 2, 2, 1}, Form{1, 32, 15, 12, 32, 3, 2, 2, 2, 1},
                        Form{1, 24, 8, 8, 36, 3, 1, 1, 1, 3}, Form{3, 40, 12, 12, 56, 1, 1, 1, 0, 1},
                        Form{2, 320, 9, 7, 64, 1, 2, 1, 0, 1}, Form{1, 16, 5, 5, 8, 1, 1, 1, 1, 1},
                        Form{1, 8, 40, 40, 16, 2, 2, 1, 0, 1}, Form{1, 512, 7, 7, 512, 3, 1, 1, 1, 1},
                        Form{2, 64, 15, 13, 40, 3, 2, 1, 1, 1}, Form{2, 96, 9, 10, 36, 3, 1, 2, 2, 1},
                        Form{1, 128, 12, 11, 64, 3, 1, 1, 1, 2}, Form{1, 256, 13, 9, 33, 5, 3, 1, 2, 1}}) {
    const std::string kernels =
        expect_near(fmt::format(R"(graph (f32[{0},{1},{2},{3}] x) -> (y) {{
      w = constant f32[{4},{5},{6},{6}] random(1)  b = constant f32[{4}] random(2)
      c = Conv@11(x, w, b) {{strides=[{7}, {7}], dilations=[{8}, {8}], pads=[{9}, {9}, {9}, {9}], group={10}}}
      y = Relu@14(c)
    }})",
                                f.batch, f.channels, f.height, f.width, f.out, f.channels / f.groups, f.kernel,
                                f.stride, f.dilation, f.pad, f.groups),
                    4e-3);
    EXPECT_THAT(kernels, testing::HasSubstr("bf16"));
  }
}

TEST_F(Bf16, ValuesBetweenConvolutionsAndPools) {
  const std::string kernels = expect_near(R"(graph (f32[2,3,40,38] x) -> (y) {
    w0 = constant f32[32,3,3,3] random(1)
    w1 = constant f32[32,32,3,3] random(2)  b1 = constant f32[32] random(3)
    w2 = constant f32[32,32,1,1] random(4)
    w3 = constant f32[50,32,1,1] random(5)
    s = Conv@11(x, w0) {pads=[1, 1, 1, 1], strides=[2, 2]}
    p = MaxPool@12(s) {kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]}
    c = Conv@11(p, w1, b1) {pads=[1, 1, 1, 1]}
    r = Relu@14(c)
    d = Conv@11(r, w2)
    a = Add@14(d, p)
    e = Relu@14(a)
    q = AveragePool@11(e) {kernel_shape=[2, 2], strides=[2, 2]}
    y = Conv@11(q, w3)
  })",
                                          1e-2);
  EXPECT_THAT(kernels, testing::HasSubstr("max_pool"));
}

TEST_F(Bf16, ResidualsAndPaddingOnOneSide) {
  // Two convolutions and a sum read one value; its lines are odd, and what follows the sums differs.
  for (const std::string activation : {"Relu@14", "HardSwish@14", "Sigmoid@13"})
    expect_near(fmt::format(R"(graph (f32[2,64,11,13] x) -> (y) {{
      w0 = constant f32[96,64,3,3] random(1)
      w1 = constant f32[96,96,3,3] random(2)  b1 = constant f32[96] random(3)
      w2 = constant f32[96,96,1,1] random(4)
      w3 = constant f32[40,96,2,3] random(5)
      a = Conv@11(x, w0) {{pads=[2, 0, 0, 2]}}
      r = Relu@14(a)
      c = Conv@11(r, w1, b1) {{pads=[1, 1, 1, 1]}}
      d = Add@14(c, r)
      e = {0}(d)
      f = Conv@11(r, w2)
      s = Add@14(f, e)
      t = {0}(s)
      y = Conv@11(t, w3) {{pads=[0, 2, 1, 0], strides=[2, 1]}}
    }})",
                            activation),
                1e-2);
}

TEST_F(Bf16, InvertedBottlenecksWithSqueezeExcite) {
  // Expansions whose map is large and small, channels that fill no whole vectors, several images.
  for (const auto& [size, channels, stride] : {std::tuple{72, 72, 2}, {20, 40, 1}, {9, 24, 2}, {9, 8, 1}}) {
    const std::string kernels = expect_near(fmt::format(R"(graph (f32[2,3,{0},{0}] x) -> (y) {{
      w0 = constant f32[24,3,3,3] random(1)
      w1 = constant f32[{1},24,1,1] random(2)  b1 = constant f32[{1}] random(3)
      w2 = constant f32[{1},1,5,5] random(4)  b2 = constant f32[{1}] random(5)
      w3 = constant f32[8,{1},1,1] random(6)
      w4 = constant f32[{1},8,1,1] random(7)
      w5 = constant f32[24,{1},1,1] random(8)
      s = Conv@11(x, w0) {{pads=[1, 1, 1, 1]}}
      e = Conv@11(s, w1, b1)
      er = HardSwish@14(e)
      d = Conv@11(er, w2, b2) {{pads=[2, 2, 2, 2], strides=[{2}, {2}], group={1}}}
      dr = HardSwish@14(d)
      m = ReduceMean@13(dr) {{axes=[2, 3], keepdims=1}}
      q = Conv@11(m, w3)
      qr = Relu@14(q)
      t = Conv@11(qr, w4)
      g = HardSigmoid@6(t) {{alpha=0.1666667, beta=0.5}}
      k = Mul@14(dr, g)
      y = Conv@11(k, w5)
    }})",
                                                        size, channels, stride),
                                            1.5e-2);
    EXPECT_THAT(kernels, testing::HasSubstr(channels >= 16 ? "scale" : "binary"));
    EXPECT_THAT(kernels, testing::HasSubstr(size == 72 ? "expand_" : "depthwise_lines"));
  }
}

// The image of the second convolution is cut into slices of its channels, which every second pixel of a line gives.
TEST_F(Bf16, StridesOverAnImageKeptInBf16) {
  for (const int64_t channels : {64, 96, 128})
    for (const int64_t stride : {2, 3})
      expect_near(fmt::format(R"(graph (f32[2,24,15,18] x) -> (y) {{
        w = constant f32[{0},24,1,1] random(1)  v = constant f32[40,{0},3,3] random(2)
        a = Conv@11(x, w)
        r = Relu@14(a)
        y = Conv@11(r, v) {{pads=[1, 1, 1, 1], strides=[1, {1}]}}
      }})",
                              channels, stride),
                  6e-3);
}

TEST_F(Bf16, PointwiseConvolutionsOfOneLineAndSeveralImages) {
  expect_near(R"(graph (f32[3,32,2,20] x) -> (y) {
    w = constant f32[40,32,1,1] random(1)
    y = Conv@11(x, w) {strides=[2, 1]}
  })",
              4e-3);
}

TEST_F(Bf16, InputsStayWhatTheCallerGives) {
  // All that reads the input could take it in bf16.
  expect_near(R"(graph (f32[2,12,12,32] x) -> (y) {
    w = constant f32[40,32,3,3] random(1)
    p = fovea.MaxPool@1(x) {kernel_shape=[2, 2], strides=[2, 2]}
    c = fovea.Conv@1(p, w) {pads=[1, 1, 1, 1]}
    y = Neg@13(c)
  })",
              4e-3);
  expect_near(R"(graph (f32[1,9,64] x) -> (y) {
    w = constant f32[32,24] random(1)
    g = fovea.Gate@1(x, x) {shape=[1, 9, 32], a=[0, 64], b=[32, 64], activation="Swish"}
    y = MatMul@13(g, w)
  })",
              6e-3);
}

TEST_F(Bf16, LinearLayersWithNormsAndGates) {
  expect_near(R"(graph (f32[1,37,72] x) -> (y) {
    g = constant f32[72] random(1)  h = constant f32[72] random(2)
    w = constant f32[72,150] random(3)  b = constant f32[150] random(4)
    v = constant f32[150,72] random(5)
    n = LayerNormalization@17(x, g, h) {axis=-1}
    m = MatMul@13(n, w)
    a = Add@14(m, b)
    e = Gelu@20(a)
    k = MatMul@13(e, v)
    y = Add@14(k, x)
  })",
              6e-3);
}

// Sums of many rows are made in parts, and long ones in stretches; rows kept in bf16 are read where they lie, the last
// ones with what lies behind them.
TEST_F(Bf16, ProductsOfManyRowsAndLongSums) {
  for (const int64_t rows : {17, 197, 601})
    expect_near(fmt::format(R"(graph (f32[1,{0},96] x) -> (y) {{
      u = constant f32[96,416] random(1)  v = constant f32[416,1088] random(2)  w = constant f32[1088,70] random(3)
      a = MatMul@13(x, u)
      b = MatMul@13(a, v)
      y = MatMul@13(b, w)
    }})",
                            rows),
                8e-3);
  expect_near(R"(graph (f32[1,64,30,31] x) -> (y) {
    u = constant f32[256,64,1,1] random(1)  v = constant f32[40,256,3,3] random(2)  w = constant f32[64,40,3,3] random(3)
    a = Conv@11(x, u)
    b = Conv@11(a, v) {pads=[1, 1, 1, 1]}
    y = Conv@11(b, w) {pads=[1, 1, 1, 1]}
  })",
              8e-3);
}

TEST_F(Bf16, AttentionOfEveryForm) {
  struct Sizes {
    int64_t heads, tokens, depth;
  };
  for (const Sizes s : {Sizes{1, 5, 3}, Sizes{2, 61, 32}, Sizes{3, 197, 64}, Sizes{1, 130, 20}, Sizes{1, 300, 40}})
    for (const bool rope : {false, true}) {
      const int64_t row = 3 * s.heads * s.depth, depth = s.depth / 2 * 2;
      if (rope && depth != s.depth) continue;
      expect_near(fmt::format(R"(graph (f32[1,{0},{1}] x, f32[{0},{3}] c, f32[{0},{3}] s) -> (y) {{
        y = fovea.Attention@1(x, x, x{6}) {{sizes=[1, {2}, {0}, {0}, {3}, {3}], scale=0.2, rope={7},
          q=[0, 0, {3}, {1}, 1], k=[{4}, 0, {3}, {1}, 1], v=[{5}, 0, {3}, {1}, 1]}}
      }})",
                              s.tokens, row, s.heads, s.depth, s.heads * s.depth, 2 * s.heads * s.depth,
                              rope ? ", _, c, s" : "", rope ? 3 : 0),
                  1.5e-2);
    }
}

TEST_F(Bf16, AttentionBetweenLinearLayersReadsAndWritesBf16) {
  expect_near(R"(graph (f32[1,50,64] x) -> (y) {
    w = constant f32[64,192] random(1)  v = constant f32[64,64] random(2)
    q = MatMul@13(x, w)
    a = fovea.Attention@1(q, q, q) {sizes=[1, 2, 50, 50, 32, 32], scale=0.02, q=[0, 0, 32, 192, 1],
                                    k=[64, 0, 32, 192, 1], v=[128, 0, 32, 192, 1]}
    t = constant i64[3] {1, 50, 64}
    f = Reshape@14(a, t)
    y = MatMul@13(f, v)
  })",
              1.5e-2);
}

// Channels of Q and K lie far apart; with and without turning; and what is read so is not kept in bf16.
TEST_F(Bf16, AttentionOfTransposedQueriesAndKeys) {
  for (const int rope : {0, 1, 2, 3}) {
    const std::string turned = rope > 0 ? ", _, c, s" : "";
    expect_near(fmt::format(R"(graph (f32[1,2,32,45] q, f32[1,2,32,45] k, f32[1,2,45,20] v, f32[45,32] c,
                                      f32[45,32] s) -> (y) {{
      y = fovea.Attention@1(q, k, v{0}) {{sizes=[1, 2, 45, 45, 32, 20], scale=0.2, rope={1},
        q=[0, 2880, 1440, 1, 45], k=[0, 2880, 1440, 1, 45], v=[0, 1800, 900, 20, 1]}}
    }})",
                            turned, rope),
                1.5e-2);
    expect_near(fmt::format(R"(graph (f32[1,50,64] x, f32[1,64,48] z, f32[50,32] c, f32[50,32] s) -> (y) {{
      w = constant f32[64,64] random(1)  u = constant f32[48,50] random(2)
      q = MatMul@13(x, w)
      k = MatMul@13(z, u)
      y = fovea.Attention@1(q, k, q{0}) {{sizes=[1, 2, 50, 50, 32, 32], scale=0.02, rope={1},
        q=[0, 3200, 32, 64, 1], k=[0, 3200, 1600, 1, 50], v=[0, 3200, 32, 64, 1]}}
    }})",
                            turned, rope),
                1.5e-2);
  }
}

TEST(Bf16Engine, ComputesInF32WhereTheCpuHasNone) {
  // Whatever the CPU has: the answer is there, and near.
  expect_near(R"(graph (f32[1,8,8,8] x) -> (y) {
    w = constant f32[16,8,3,3] random(1)
    y = Conv@11(x, w) {pads=[1, 1, 1, 1]}
  })",
              4e-3);
}

TEST(Bf16Model, AMeanOfAModelThatIsItselfInBf16KeepsItsType) {
  const auto graph =
      parse_graph("graph (bf16[1,7,8,9] x) -> (y) { axes = constant i64[2] {2, 3} y = ReduceMean@18(x, axes) }");
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  Tensor x = *Tensor::allocate(DType::bf16, {1, 7, 8, 9});
  for (int64_t i = 0; i < x.size(); ++i) x.mutable_view().as<bf16>()[i] = bf16(static_cast<float>(i % 5));
  std::vector<Tensor> answers;
  for (bool fast : {false, true}) {
    const auto engine = Engine::compile(std::make_shared<const Graph>(*graph), {.fast_kernels = fast});
    ASSERT_TRUE(engine.ok()) << engine.error().to_string();
    const auto got = (*engine)->run(std::vector<Tensor>{x});
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    answers.push_back((*got)[0]);
  }
  ASSERT_EQ(answers[0].type(), answers[1].type());
  EXPECT_EQ(std::memcmp(answers[0].raw(), answers[1].raw(), answers[0].bytes()), 0);
}

}  // namespace
}  // namespace fovea::cpu
