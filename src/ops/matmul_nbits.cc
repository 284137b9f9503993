#include "ops/matmul_nbits.h"

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

constexpr DType kReals[] = {DType::f32, DType::f16}, kPacked[] = {DType::u8};

/// `count` numbers of each of `rows` rows, which begin at whole bytes; of 4 bits the first is the lower half.
Result<Tensor> unpack(const uint8_t* from, int64_t rows, int64_t row_bytes, int64_t count, int64_t bits) {
  Tensor made = FOVEA_TRY(Tensor::allocate(DType::u8, {rows, count}));
  auto* to = made.mutable_view().as<uint8_t>();
  for (int64_t row = 0; row < rows; ++row, from += row_bytes)
    for (int64_t i = 0; i < count; ++i)
      *to++ = bits == 8 ? from[i] : static_cast<uint8_t>(from[i / 2] >> (i % 2 * 4) & 15);
  return made;
}

Result<void> expect_count(const Inputs& in, size_t i, int64_t count) {
  if (element_count(in.shape(i)) == count) return {};
  return invalid_model("input {} is {}, but {} numbers are needed", i, to_string(in.type(i)), count);
}

}  // namespace

Result<Types> MatMulNBits::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kReals));
  FOVEA_TRY(expect_rank_at_least(in, 0, 1));
  FOVEA_TRY(expect_dtype(in, 1, kPacked));
  FOVEA_TRY(expect_same_dtype(in, 0, 2));
  if (in.shape(0).back() != depth)
    return invalid_model("A is {}, but attribute \"K\" is {}", to_string(in.type(0)), depth);
  FOVEA_TRY(expect_count(in, 1, columns * blocks() * (block * bits / 8)));
  FOVEA_TRY(expect_count(in, 2, columns * blocks()));
  if (in.has(3) && in.dtype(3) == DType::u8) {
    FOVEA_TRY(expect_count(in, 3, columns * ceil_div(blocks() * bits, 8)));
  } else if (in.has(3)) {
    FOVEA_TRY(expect_same_dtype(in, 0, 3));
    FOVEA_TRY(expect_count(in, 3, columns * blocks()));
  }
  if (in.has(5)) {
    FOVEA_TRY(expect_same_dtype(in, 0, 5));
    FOVEA_TRY(expect_shape(in, 5, Shape{columns}));
  }
  Shape shape = in.shape(0);
  shape.back() = columns;
  return Types{FOVEA_TRY(checked_type(in.dtype(0), std::move(shape)))};
}

Result<Tensor> MatMulNBits::numbers(const TensorView& b) const {
  return unpack(b.as<uint8_t>(), columns, blocks() * (block * bits / 8), depth, bits);
}

Result<Tensor> MatMulNBits::zero_points(const TensorView& packed) const {
  return unpack(packed.as<uint8_t>(), columns, ceil_div(blocks() * bits, 8), blocks(), bits);
}

Result<void> MatMulNBits::compute(Args in, Outs out) const {
  const auto given = [&](size_t i) { return i < in.size() && in[i].present(); };
  const Tensor a = FOVEA_TRY(widen<double>(in[0])), scales = FOVEA_TRY(widen<double>(in[2]));
  const Tensor q = FOVEA_TRY(numbers(in[1]));
  Tensor zeros;
  if (given(3) && in[3].dtype == DType::u8) {
    const Tensor whole = FOVEA_TRY(zero_points(in[3]));
    zeros = FOVEA_TRY(widen<double>(whole.view()));
  } else if (given(3)) {
    zeros = FOVEA_TRY(widen<double>(in[3]));
  }
  const Tensor bias = given(5) ? FOVEA_TRY(widen<double>(in[5])) : Tensor();
  const int64_t rows = columns == 0 ? 0 : out[0].size() / columns;
  std::vector<double> weight(static_cast<size_t>(depth)), sums(static_cast<size_t>(rows));
  Tensor made = FOVEA_TRY(Tensor::allocate(DType::f64, {rows, columns}));
  for (int64_t n = 0; n < columns; ++n) {
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t at = n * blocks() + k / block;
      const double zero = zeros.raw() ? zeros.data<double>()[at] : static_cast<double>(1 << (bits - 1));
      weight[static_cast<size_t>(k)] = (q.data<uint8_t>()[n * depth + k] - zero) * scales.data<double>()[at];
    }
    for (int64_t row = 0; row < rows; ++row) {
      double sum = bias.raw() ? bias.data<double>()[n] : 0;
      for (int64_t k = 0; k < depth; ++k) sum += a.data<double>()[row * depth + k] * weight[static_cast<size_t>(k)];
      made.mutable_view().as<double>()[row * columns + n] = sum;
    }
  }
  narrow(made.data<double>(), rows * columns, out[0]);
  return {};
}

Result<OperatorPtr> parse_matmul_nbits(const Node& node) {
  Attributes attributes(node);
  MatMulNBits op;
  attributes.require("K");
  attributes.require("N");
  attributes.require("block_size");
  op.depth = attributes.integer("K", 0);
  op.columns = attributes.integer("N", 0);
  op.bits = attributes.integer("bits", 4);
  op.block = attributes.integer("block_size", 0);
  attributes.ignore("accuracy_level");  // how exact the products have to be, at least: ours are in f32
  attributes.ignore("weight_prepacked");
  FOVEA_TRY(attributes.finish());
  constexpr int64_t kMost = int64_t{1} << 31;
  if (op.bits != 4 && op.bits != 8) return unsupported("weights of {} bits; fovea has those of 4 and 8", op.bits);
  if (op.depth < 1 || op.columns < 1 || op.depth > kMost || op.columns > kMost)
    return invalid_model("attributes \"K\" and \"N\" are {} and {}", op.depth, op.columns);
  if (op.block < 16 || op.block > kMost || (op.block & (op.block - 1)) != 0)
    return invalid_model("attribute \"block_size\" is {}, but must be a power of two from 16 on", op.block);
  if (node.inputs.size() > 4 && node.inputs[4] != kNoValue) return unsupported("an order of groups (g_idx) of its own");
  return make_operator<MatMulNBits>(op);
}

}  // namespace fovea::ops
