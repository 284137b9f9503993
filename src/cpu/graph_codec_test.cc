#include "cpu/graph_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

constexpr const char* kGraph = R"(graph demo (f32[batch,3,?,8] image, i64[2] size = {8, 9}) -> (y, image) {
  metadata "author" = "nobody"
  weight = constant f32[4,3,1,1] random(7)
  flag = constant bool[] {1}
  f32 x = Conv@21(image, weight) {group=1, strides=[2, 2], note="a b", scale=0.5, list=[1.5, -2.0], names=["p", "q"],
    table=f32[2] {1, 2}, none=[]} "stem/conv"
  f32[batch,4] z, _ = fovea.Pool@1(x, _, size)
  y = If@16(flag) {
    else_branch=graph [z]() -> (z) {},
    then_branch=graph [inner = z]() -> (w) {
      bias = constant f32[2] {-1, 3}
      w = Softmax@13(inner) {axis=-1}
    }
  }
})";

std::vector<std::byte> written(const Graph& graph, std::vector<Tensor>& constants) {
  ByteWriter out;
  write_graph(out, graph, [&](ValueId, const Tensor& constant) {
    constants.push_back(constant);
    return constants.size() - 1;
  });
  return std::move(out).take();
}

Result<Graph> read(std::span<const std::byte> bytes, const std::vector<Tensor>& constants) {
  ByteReader in(bytes);
  return read_graph(in, [&](uint64_t i) -> Result<Tensor> {
    if (i >= constants.size()) return invalid_model("no constant {}", i);
    return constants[i];
  });
}

TEST(GraphCodec, TheSameGraphComesBack) {
  const auto graph = parse_graph(kGraph);
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  std::vector<Tensor> constants;
  const auto bytes = written(*graph, constants);
  const auto again = read(bytes, constants);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(print(*again), print(*graph));
}

TEST(GraphCodec, EveryCutIsAnError) {
  const auto graph = parse_graph(kGraph);
  std::vector<Tensor> constants;
  const auto bytes = written(*graph, constants);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read(std::span(bytes).first(size), constants).ok()) << size;
}

TEST(GraphCodec, EveryByteMayBeAnything) {
  const auto graph = parse_graph(kGraph);
  std::vector<Tensor> constants;
  const auto bytes = written(*graph, constants);
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int value : {0, 1, 2, 0x7f, 0x80, 0xff}) {
      auto changed = bytes;
      changed[i] = static_cast<std::byte>(value);
      (void)read(changed, constants).ok();  // an error or another graph
    }
}

TEST(GraphCodec, NumbersOfAllSizesComeBack) {
  ByteWriter out;
  const std::vector<int64_t> numbers = {0, 1, -1, 63, -64, 64, INT64_MAX, INT64_MIN};
  for (int64_t n : numbers) out.signed_number(n);
  out.number(UINT64_MAX);
  out.text("text");
  const auto bytes = std::move(out).take();
  ByteReader in(bytes);
  for (int64_t n : numbers) EXPECT_EQ(in.signed_number().value(), n);
  EXPECT_EQ(in.number().value(), UINT64_MAX);
  EXPECT_EQ(in.text().value(), "text");
  EXPECT_EQ(in.rest(), 0u);
  EXPECT_FALSE(in.number().ok());
}

TEST(GraphCodec, CountsAreNeverMoreThanTheBytesHold) {
  ByteWriter out;
  out.number(uint64_t{1} << 40);
  out.number(1);
  const auto bytes = std::move(out).take();
  EXPECT_FALSE(ByteReader(bytes).count().ok());
  EXPECT_FALSE(ByteReader(bytes).text().ok());
}

TEST(GraphCodec, TensorsThatCannotBeAreRefused) {
  ByteWriter out;
  out.number(static_cast<uint64_t>(DType::f64));
  out.number(2);
  out.number(uint64_t{1} << 62);
  out.number(8);
  const auto bytes = std::move(out).take();
  EXPECT_FALSE(ByteReader(bytes).type().ok());
  EXPECT_FALSE(ByteReader(bytes).tensor().ok());
}

}  // namespace
}  // namespace fovea::cpu
