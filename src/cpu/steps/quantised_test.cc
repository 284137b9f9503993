// Steps of bytes give the bits of the reference kernels.
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Tensor random_tensor(const TensorType& type, std::mt19937& random) {
  Tensor t = *Tensor::allocate(type.dtype, type.shape);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < t.size(); ++i)
    if (type.dtype == DType::f32)
      t.mutable_view().as<float>()[i] = normal(random) * 20;
    else
      t.mutable_view().as<uint8_t>()[i] = static_cast<uint8_t>(random());
  return t;
}

/// Runs the text with fast and with reference kernels; all outputs must agree to the bit. Returns the kernels that ran.
std::string expect_same_bits(const std::string& text, int threads = 2) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  if (!graph.ok()) return "";
  const auto shared = std::make_shared<const Graph>(std::move(graph).value());
  std::mt19937 random(5);
  std::vector<Tensor> inputs;
  for (ValueId v : shared->inputs) inputs.push_back(random_tensor(*shared->value(v).type.concrete(), random));
  EngineOptions plain, fast;
  plain.fast_kernels = false;
  fast.threads = threads;
  const auto expected = (*Engine::compile(shared, plain))->run(inputs);
  std::vector<StepProfile> profile;
  const auto got = (*Engine::compile(shared, fast))->run(inputs, &profile);
  EXPECT_TRUE(expected.ok()) << expected.error().to_string();
  EXPECT_TRUE(got.ok()) << got.error().to_string();
  if (!expected.ok() || !got.ok()) return "";
  for (size_t k = 0; k < expected->size(); ++k) {
    const Tensor &a = (*expected)[k], &b = (*got)[k];
    EXPECT_EQ(a.type(), b.type());
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0) << "output " << k << " of\n" << text;
  }
  std::string kernels;
  for (const StepProfile& step : profile) kernels += step.kernel + " ";
  return kernels;
}

/// A QConv with so many channels, groups, kernel taps along a side, stride and dilation.
std::string convolution(int in, int out, int group, int side, int stride, int dilation, const std::string& more = "",
                        const std::string& operands = "", const std::string& weight = "i8",
                        const std::string& constants = "") {
  const int pad = (side - 1) / 2 * dilation;
  return fmt::format(R"(graph (u8[2,9,11,{0}] x) -> (y) {{
    w = constant {8}[{1},{2},{3},{3}] random(1)  m = constant f32[{1}] fill(0.0007)  b = constant i32[{1}] fill(531)
    {11}
    y = fovea.QConv@1(x, w, m, b{9}) {{group={4}, strides=[{5}, {5}], dilations=[{6}, {6}], pads=[{7}, {7}, {7}, {7}],
      x_zero=117, output="u8", y_zero=99{10}}}
  }})",
                     in, out, in / group, side, group, stride, dilation, pad, weight, operands, more, constants);
}

/// n numbers below `below`, as text.
std::string steps_of(int n, int step, int below) {
  std::vector<int> numbers;
  for (int i = 0; i < n; ++i) numbers.push_back(i * step % below);
  return fmt::format("{}", fmt::join(numbers, ", "));
}

TEST(QuantisedSteps, ConvolutionsOfEveryShape) {
  for (const int threads : {1, 3})
    for (const auto& [in, out, group, side, stride, dilation] :
         std::vector<std::array<int, 6>>{{3, 32, 1, 3, 2, 1},
                                         {3, 8, 1, 7, 2, 1},
                                         {64, 40, 1, 1, 1, 1},
                                         {24, 16, 1, 1, 2, 1},
                                         {16, 33, 1, 3, 1, 1},
                                         {32, 33, 1, 3, 1, 1},
                                         {32, 33, 1, 5, 2, 1},
                                         {48, 33, 1, 5, 1, 1},
                                         {32, 33, 1, 3, 1, 2},
                                         {20, 16, 1, 3, 2, 1},
                                         {8, 8, 2, 3, 1, 2},
                                         {70, 65, 1, 5, 1, 1},
                                         {128, 130, 1, 3, 1, 1},
                                         {128, 32, 1, 3, 2, 1},
                                         {192, 32, 1, 3, 1, 2},
                                         {256, 64, 2, 3, 1, 1}}) {
      const std::string ran = expect_same_bits(convolution(in, out, group, side, stride, dilation), threads);
      EXPECT_THAT(ran, Not(HasSubstr("reference"))) << in << " " << side;
    }
}

TEST(QuantisedSteps, DepthwiseConvolutions) {
  for (const auto& [channels, side, stride, dilation] :
       std::vector<std::array<int, 4>>{{24, 3, 1, 1}, {40, 5, 2, 1}, {33, 7, 1, 1}, {16, 3, 1, 2}, {7, 2, 1, 1}})
    for (const std::string weight : {"i8", "u8"}) {
      const std::string ran =
          expect_same_bits(convolution(channels, channels, channels, side, stride, dilation, ", w_zero=3", "", weight));
      EXPECT_THAT(ran, HasSubstr("q_depthwise")) << channels;
    }
}

TEST(QuantisedSteps, WeightsWithAZeroPoint) {
  for (const std::string weight : {"i8", "u8"}) {
    EXPECT_THAT(expect_same_bits(convolution(24, 40, 1, 3, 1, 1, ", w_zero=90", "", weight)),
                Not(HasSubstr("reference")));
    EXPECT_THAT(expect_same_bits(convolution(64, 40, 1, 1, 1, 1, ", w_zero=90", "", weight)),
                Not(HasSubstr("reference")));
    EXPECT_THAT(expect_same_bits(convolution(256, 40, 2, 3, 2, 1, ", w_zero=90", "", weight)),
                Not(HasSubstr("reference")));
  }
}

TEST(QuantisedSteps, WeightsWithAZeroPointForEachColumn) {
  for (const std::string weight : {"i8", "u8"})
    for (const int threads : {1, 3}) {
      // A kernel, a pointwise one, one that folds its lines, groups, and a channel to each group.
      for (const auto& [in, out, group, side, stride] : std::vector<std::array<int, 5>>{
               {24, 40, 1, 3, 1}, {64, 70, 1, 1, 1}, {3, 33, 1, 7, 2}, {8, 12, 2, 3, 1}, {40, 40, 40, 3, 1}}) {
        const std::string zeros = fmt::format("z = constant i32[{}] {{{}}}", out, steps_of(out, 37, 128));
        const std::string ran = expect_same_bits(
            convolution(in, out, group, side, stride, 1, "", ", _, _, _, _, _, _, z", weight, zeros), threads);
        EXPECT_THAT(ran, Not(HasSubstr("reference"))) << in << " " << side;
      }
    }
}

TEST(QuantisedSteps, ChannelsWithTheirOwnScales) {
  // A convolution whose result has levels of its own for each column, and one over such channels.
  for (const auto& [in, out, group, side] :
       std::vector<std::array<int, 4>>{{24, 40, 1, 3}, {64, 70, 1, 1}, {40, 40, 40, 5}}) {
    const std::string high = fmt::format("{}", fmt::join(std::vector<int>(static_cast<size_t>(out), 240), ", "));
    const std::string constants = fmt::format(
        "l = constant i32[3,{0}] {{{1}, {2}, {3}}}  f = constant f32[{0}] random(9)  z = constant i32[{4}] {{{5}}}",
        out, steps_of(out, 11, 256), steps_of(out, 7, 90), high, in, steps_of(in, 29, 256));
    const std::string x_zeros = group == in ? "z" : "_";
    for (const std::string factors : {"", ", f"}) {
      const std::string more = factors.empty() ? "" : R"(, activation="HardSwish")";
      const std::string ran = expect_same_bits(convolution(
          in, out, group, side, 1, 1, more, ", _, _, _, _, _, _, _, " + x_zeros + ", l" + factors, "i8", constants));
      EXPECT_THAT(ran, Not(HasSubstr("reference"))) << in << " " << side;
    }
  }
}

TEST(QuantisedSteps, LinearLayersWithAllThatFollowsThem) {
  const auto linear = [](const std::string& inputs, const std::string& operands, const std::string& attributes) {
    return fmt::format(R"(graph (u8[50,70] x{}) -> (y) {{
      w = constant i8[70,45] random(1)  m = constant f32[45] fill(0.002)  b = constant i32[45] fill(-77)
      o = constant f32[45] random(3)  row = constant f32[45] random(4)  t = constant u8[256] random(5)
      z = constant i32[45] {{{}}}
      y = fovea.QMatMul@1(x, w, m, {}) {{x_zero=140{}}}
    }})",
                       inputs, steps_of(45, 31, 127), operands, attributes);
  };
  for (
      const auto& [inputs, operands, attributes] : std::vector<std::array<std::string, 3>>{
          {"", "b", R"(, output="f32")"},
          {"", "_, o", R"(, output="f32", activation="Relu")"},
          {"", "b, o", R"(, output="u8", y_zero=20, low=20, high=200)"},
          {", u8[50,45] r", "b, _, r", R"(, output="u8", residual_scale=0.4, residual_zero=128, y_zero=5)"},
          {", f32[50,45] r", "b, _, r", R"(, output="u8", residual_scale=0.4, y_zero=128)"},
          {", f32[50,45] r", "b, _, r", R"(, output="f32", activation="Relu", residual_last=1)"},
          {"", "_, o, _, _, _, _, _, z", R"(, output="u8", y_zero=20)"},
          {"", "_, o, _, _, _, _, _, z", R"(, output="f32", w_zero=9)"},
          {", u8[50,45] r", "b, _, r, row, t",
           R"(, output="u8", row_scale=0.9, row_zero=128, inner_scale=1.1, inner_zero=60, residual_scale=0.3, y_zero=8)"},
      })
    EXPECT_THAT(expect_same_bits(linear(inputs, operands, attributes)), Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, ProductsOfTwoComputedOperands) {
  const std::string ran = expect_same_bits(R"(graph (u8[2,3,37,40] a, u8[2,3,40,35] b, u8[1,1,40,35] c) -> (y, z) {
    m = constant f32[35] fill(0.001)
    y = fovea.QMatMul@1(a, b, m) {x_zero=120, w_zero=131, output="u8", y_zero=77}
    z = fovea.QMatMul@1(a, c, m) {x_zero=0, w_zero=128, output="f32"}
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, ScalesThatAreComputed) {
  const std::string ran = expect_same_bits(R"(graph (f32[2,9,11,24] x) -> (y, z, v, q, s, zero) {
    d = constant i8[24,1,3,3] random(4)  k = constant f32[24] fill(0.003)
    w = constant i8[40,24,3,3] random(1)  u = constant u8[24,33] random(2)  m = constant f32[40] fill(0.0007)
    n = constant f32[33] fill(0.002)  b = constant i32[40] fill(531)  o = constant f32[33] random(3)
    q, s, zero = DynamicQuantizeLinear@11(x)
    y = fovea.QConv@1(q, w, m, b, _, _, _, _, s, zero) {pads=[1, 1, 1, 1], output="f32"}
    v = fovea.QConv@1(q, d, k, _, _, _, _, _, s, zero) {group=24, pads=[1, 1, 1, 1], w_zero=3, output="f32"}
    z = fovea.QMatMul@1(q, u, n, _, o, _, _, _, s, zero) {w_zero=120, output="u8", y_zero=30}
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
  EXPECT_THAT(ran, HasSubstr("q_depthwise"));
}

TEST(QuantisedSteps, WeightsThatNodesShareInDifferentForms) {
  // The same bytes for one group, for two and for four, with another zero point, and a square both ways round.
  const std::string ran = expect_same_bits(R"(graph (u8[1,9,11,8] x, u8[1,9,11,16] x2, u8[1,9,11,32] x4, u8[50,40] a)
      -> (one, two, four, shifted, plain, turned) {
    w = constant i8[24,8,3,3] random(1)  m = constant f32[24] fill(0.0007)
    s = constant i8[40,40] random(2)  n = constant f32[40] fill(0.002)
    one = fovea.QConv@1(x, w, m) {group=1, pads=[1, 1, 1, 1], x_zero=117, output="u8", y_zero=99}
    two = fovea.QConv@1(x2, w, m) {group=2, pads=[1, 1, 1, 1], x_zero=117, output="u8", y_zero=99}
    four = fovea.QConv@1(x4, w, m) {group=4, pads=[1, 1, 1, 1], x_zero=117, output="u8", y_zero=99}
    shifted = fovea.QConv@1(x, w, m) {group=1, pads=[1, 1, 1, 1], x_zero=117, w_zero=5, output="u8", y_zero=99}
    t = Transpose@21(s) {perm=[1, 0]}
    plain = fovea.QMatMul@1(a, s, n) {x_zero=140, output="u8", y_zero=128}
    turned = fovea.QMatMul@1(a, t, n) {x_zero=140, output="u8", y_zero=128}
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, ElementwiseFunctionsAndPools) {
  const std::string ran = expect_same_bits(R"(graph (u8[2,7,9,20] x, u8[2,7,9,20] r, u8[2,1,1,20] s, f32[20] f)
      -> (a, b, c, d, e, g, h, i, j) {
    t = constant u8[256] random(5)  scale = constant f32[] {0.37}  zero = constant u8[] {41}
    a = fovea.QLookup@1(x, t)
    b = fovea.QBinary@1(x, r) {kind="add", a_zero=3, b_zero=120, a_factor=0.3, b_factor=0.8, output="u8", y_zero=9, low=9}
    c = fovea.QBinary@1(x, s) {kind="mul", a_zero=3, b_zero=7, a_factor=0.01, output="u8"}
    d = fovea.QBinary@1(x, f) {kind="add", a_zero=3, a_factor=0.3, output="f32"}
    e = fovea.MaxPool@1(x) {kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]}
    g = fovea.QAveragePool@1(x) {kernel_shape=[3, 2], pads=[1, 0, 1, 1], x_zero=14, factor=0.9, output="u8", y_zero=3}
    h = fovea.QMean@1(x) {x_zero=100, factor=1.7, output="f32"}
    i = fovea.QAveragePool@1(x) {kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1,
      x_zero=14, factor=1.4, output="u8", y_zero=30}
    k = DequantizeLinear@21(x, scale, zero)
    l = Add@14(k, f)
    j = QuantizeLinear@21(l, scale, zero)
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, TablesForEachChannelAndOfFloats) {
  const std::string ran = expect_same_bits(R"(graph (u8[2,7,9,3] x, u8[1,1,9,5] w) -> (a, b, c, d) {
    t = constant u8[3,256] random(5)  f = constant f32[3,256] random(6)  g = constant f32[5,256] random(7)
    h = constant f32[256] random(8)
    a = fovea.QLookup@1(x, t)  b = fovea.QLookup@1(x, f)  c = fovea.QLookup@1(w, g)  d = fovea.QLookup@1(w, h)
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, ZeroPointsFarFromBytes) {
  // Only a file of ours that was tampered with has them: sums are modulo 2^32 all the same.
  expect_same_bits(R"(graph (u8[5,70] x) -> (y) {
    w = constant u8[70,45] random(1)  m = constant f32[45] fill(0.002)  z = constant i32[45] fill(-2147483648)
    y = fovea.QMatMul@1(x, w, m, _, _, _, _, _, _, _, z) {x_zero=140, output="f32"}
  })");
}

TEST(QuantisedSteps, ZeroPointsOfBothFactors) {
  // Of x for each channel and of w for each column, before a channel to each group.
  const std::string constants = fmt::format("z = constant i32[40] {{{}}}  c = constant i32[40] {{{}}}",
                                            steps_of(40, 37, 128), steps_of(40, 29, 256));
  for (const std::string weight : {"i8", "u8"})
    EXPECT_THAT(expect_same_bits(convolution(40, 40, 40, 3, 1, 1, "", ", _, _, _, _, _, _, z, c", weight, constants)),
                HasSubstr("q_depthwise"));
}

TEST(QuantisedSteps, ComputedScalesAndZeroPointsForEachColumn) {
  const std::string ran = expect_same_bits(fmt::format(R"(graph (f32[2,9,11,24] x) -> (y, z, q, s, zero) {{
    w = constant i8[40,24,3,3] random(1)  u = constant u8[24,33] random(2)  m = constant f32[40] fill(0.0007)
    n = constant f32[33] fill(0.002)  b = constant i32[40] fill(531)
    c = constant i32[40] {{{}}}  d = constant i32[33] {{{}}}
    q, s, zero = DynamicQuantizeLinear@11(x)
    y = fovea.QConv@1(q, w, m, b, _, _, _, _, s, zero, c) {{pads=[1, 1, 1, 1], output="f32"}}
    z = fovea.QMatMul@1(q, u, n, _, _, _, _, _, s, zero, d) {{output="u8", y_zero=30}}
  }})",
                                                       steps_of(40, 37, 128), steps_of(33, 31, 127)));
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

TEST(QuantisedSteps, WindowsThatLeaveTheImage) {
  const std::string ran = expect_same_bits(R"(graph (u8[2,7,9,20] x, u8[1,11,13,64] w) -> (a, b, c, d, e) {
    a = fovea.MaxPool@1(x) {kernel_shape=[3, 2], strides=[1, 2], dilations=[2, 3], pads=[2, 1, 3, 2]}
    b = fovea.MaxPool@1(w) {kernel_shape=[5, 9], strides=[3, 1], pads=[2, 4, 2, 4]}
    c = fovea.QAveragePool@1(w) {kernel_shape=[3, 5], strides=[2, 3], pads=[1, 2, 1, 2], x_zero=14, factor=0.9, output="f32"}
    d = fovea.QAveragePool@1(w) {kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=1, pads=[0, 0, 1, 1],
      x_zero=14, factor=1.4, output="u8", y_zero=30}
    e = fovea.QAveragePool@1(x) {kernel_shape=[3, 3], dilations=[2, 2], x_zero=3, factor=1.4, output="u8", y_zero=30}
  })");
  EXPECT_THAT(ran, Not(HasSubstr("reference")));
}

}  // namespace
}  // namespace fovea::cpu
