// Tables in place of functions of bytes, beside the operators that get what the table makes of the bytes.
#include "ops/op_test.h"

namespace fovea::ops {
namespace {

Tensor bytes(const Shape& shape) {
  Tensor t = *Tensor::allocate(DType::u8, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<uint8_t>()[i] = static_cast<uint8_t>(i * 73 + i / 5);
  return t;
}

/// table[c][v] = v / (c + 2) - c.
Tensor table(int64_t channels) {
  Tensor t = *Tensor::allocate(DType::f32, {channels, 256});
  for (int64_t i = 0; i < t.size(); ++i)
    t.mutable_view().as<float>()[i] =
        static_cast<float>(i % 256) / static_cast<float>(i / 256 + 2) - static_cast<float>(i / 256);
  return t;
}

Tensor byte_table(int64_t channels) {
  Tensor t = *Tensor::allocate(DType::u8, {channels, 256});
  for (int64_t i = 0; i < t.size(); ++i)
    t.mutable_view().as<uint8_t>()[i] = static_cast<uint8_t>(255 - i + i / 256 * 9);
  return t;
}

Tensor floats(const Shape& shape) {
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = static_cast<float>(i % 11) / 4 - 1;
  return t;
}

TestNode lookup() { return {.op_type = "QLookup", .opset = 1, .domain = "fovea"}; }

TEST(Lookup, EachChannelHasItsOwnValues) {
  const Tensor x = bytes({2, 3, 4, 3}), t = table(3);
  const auto got = values_of<float>(run_node(lookup(), {x, t}));
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto c = static_cast<float>(i % 3);
    EXPECT_EQ(got[static_cast<size_t>(i)], static_cast<float>(x.data<uint8_t>()[i]) / (c + 2) - c);
  }
}

TEST(Lookup, AConvolutionOfBytesPadsBehindItsTable) {
  const Tensor x = bytes({2, 5, 6, 3}), w = floats({4, 3, 3, 3}), t = table(3);
  TestNode conv{.op_type = "Conv",
                .opset = 1,
                .attributes = {{"pads", std::vector<int64_t>{1, 2, 1, 0}}, {"strides", std::vector<int64_t>{2, 1}}},
                .domain = "fovea"};
  const auto expected = run_node(conv, {(*run_node(lookup(), {x, t}))[0], w});
  const auto got = run_node(conv, {x, w, {}, {}, {}, {}, t});
  EXPECT_EQ(values_of<float>(got), values_of<float>(expected));
}

TEST(Lookup, AConvolutionOfLevelsPadsWithItsZeroPoint) {
  const Tensor x = bytes({1, 5, 6, 3}), t = byte_table(3);
  Tensor w = *Tensor::allocate(DType::i8, {4, 3, 3, 3});
  for (int64_t i = 0; i < w.size(); ++i) w.mutable_view().as<int8_t>()[i] = static_cast<int8_t>(i * 31);
  const Tensor multiplier = Tensor::of<float>({4}, std::vector<float>(4, 1.0f / 64));
  TestNode conv{
      .op_type = "QConv",
      .opset = 1,
      .attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"x_zero", int64_t{131}}, {"w_zero", int64_t{0}}},
      .domain = "fovea"};
  const auto expected = run_node(conv, {(*run_node(lookup(), {x, t}))[0], w, multiplier});
  const auto got = run_node(conv, {x, w, multiplier, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, t});
  EXPECT_EQ(values_of<float>(got), values_of<float>(expected));
}

}  // namespace
}  // namespace fovea::ops
