#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using Attributes = std::map<std::string, Attribute, std::less<>>;

Attributes sizes(int64_t k, int64_t n, int64_t bits, int64_t block) {
  return {{"K", k}, {"N", n}, {"bits", bits}, {"block_size", block}, {"accuracy_level", int64_t{4}}};
}

Result<std::vector<Tensor>> run(const Attributes& attributes, const std::vector<Tensor>& inputs) {
  return run_node({.op_type = "MatMulNBits", .opset = 1, .attributes = attributes, .domain = "com.microsoft"}, inputs);
}

/// A row of ones: the results are sums of columns.
Tensor ones(int64_t n) { return Tensor::of<float>({1, n}, std::vector<float>(static_cast<size_t>(n), 1.0f)); }

TEST(MatMulNBits, FourBitsLieTwoToAByteAndBlocksHaveTheirScales) {
  // K = 20: one block of 16 and a part of another. Column 0 is 9, column 1 is 0 in the first block and 15 in the
  // second.
  std::vector<uint8_t> b(2 * 2 * 8, 0x99);
  for (size_t i = 16; i < 24; ++i) b[i] = 0x00;
  for (size_t i = 24; i < 32; ++i) b[i] = 0xff;
  const Tensor weight = Tensor::of<uint8_t>({2, 2, 8}, b), scale = Tensor::of<float>({4}, {1, 10, 1, 0.5f});
  EXPECT_EQ(values_of<float>(run(sizes(20, 2, 4, 16), {ones(20), weight, scale})),
            (std::vector<float>{16 * 1 + 4 * 10, -8 * 16 + 4 * 7 * 0.5f}));
  // Zero points {9, 8} and {1, 15}: each column's begin at a byte.
  const Tensor zero = Tensor::of<uint8_t>({2}, {0x89, 0xf1});
  EXPECT_EQ(values_of<float>(run(sizes(20, 2, 4, 16), {ones(20), weight, scale, zero})),
            (std::vector<float>{0 + 4 * 10, -16}));
  const Tensor bias = Tensor::of<float>({2}, {1, 2}), real_zero = Tensor::of<float>({4}, {8.5f, 9, 0, 15});
  EXPECT_EQ(values_of<float>(run(sizes(20, 2, 4, 16), {ones(20), weight, scale, real_zero, Tensor(), bias})),
            (std::vector<float>{8 + 1, 0 + 2}));
}

TEST(MatMulNBits, EightBitsAreBytes) {
  std::vector<uint8_t> b(16, 130);
  b[3] = 0;
  EXPECT_EQ(values_of<float>(
                run(sizes(16, 1, 8, 16), {ones(16), Tensor::of<uint8_t>({1, 1, 16}, b), Tensor::of<float>({1}, {2})})),
            (std::vector<float>{(15 * 2 - 128) * 2}));
}

TEST(MatMulNBits, SizesThatDoNotFitAreRefused) {
  const Tensor weight = Tensor::of<uint8_t>({2, 2, 8}, std::vector<uint8_t>(32)),
               scale = Tensor::of<float>({4}, {1, 1, 1, 1});
  EXPECT_EQ(refusal(run(sizes(20, 2, 4, 16), {ones(19), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(20, 3, 4, 16), {ones(20), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(20, 2, 4, 32), {ones(20), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(20, 2, 4, 24), {ones(20), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(-20, 2, 4, 16), {ones(20), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(int64_t{1} << 40, 2, 4, 16), {ones(20), weight, scale})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(20, 2, 2, 16), {ones(20), weight, scale})), ErrorCode::unsupported);
  const Tensor zero = Tensor::of<uint8_t>({3}, {1, 2, 3}), order = Tensor::of<int32_t>({20}, std::vector<int32_t>(20));
  EXPECT_EQ(refusal(run(sizes(20, 2, 4, 16), {ones(20), weight, scale, zero})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run(sizes(20, 2, 4, 16), {ones(20), weight, scale, Tensor(), order})), ErrorCode::unsupported);
}

}  // namespace
}  // namespace fovea::ops
