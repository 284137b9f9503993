// ONNX MatMulInteger and QLinearMatMul.
#include <algorithm>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/matmul.h"
#include "ops/matrix_product.h"
#include "ops/quantize_linear.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::i8, DType::u8};
constexpr DType kScales[] = {DType::f32, DType::f16, DType::bf16};

enum class Side { left, right };

/// The shape under which a scale or a zero point broadcasts to its operand, and (but for the batch) to the product: one
/// for all, one for each row of the left operand, or one for each column of the right one.
Result<Shape> parameter_shape(std::span<const int64_t> operand, std::span<const int64_t> parameter, Side side) {
  if (std::ranges::all_of(parameter, [](int64_t extent) { return extent == 1; })) return Shape{1, 1};
  const size_t rank = operand.size();
  Shape shape(parameter.begin(), parameter.end());
  if (shape.size() == 1) shape.insert(side == Side::left ? shape.end() : shape.begin(), 1);
  const bool fits = rank >= 2 && shape.size() <= rank && shape[shape.size() - (side == Side::left ? 1 : 2)] == 1;
  const auto both = fits ? broadcast(operand, shape) : Result<Shape>(Shape{});
  if (!fits || !both.ok() || !std::ranges::equal(*both, operand))
    return invalid_model("a scale or zero point of shape {} does not fit the {} operand {}", to_string(parameter),
                         side == Side::left ? "left" : "right", to_string(operand));
  return shape;
}

Result<Tensor> centred(const TensorView& x, const TensorView* zero_point, Side side) {
  Tensor result = FOVEA_TRY(widen<uint64_t>(x));
  if (zero_point == nullptr || !zero_point->present()) return result;
  const Tensor zeros = FOVEA_TRY(widen<uint64_t>(*zero_point));
  auto* values = result.mutable_view().as<uint64_t>();
  // A vector counts as one row or one column; either way it has one zero point.
  Shape shape = FOVEA_TRY(parameter_shape(x.shape, zero_point->shape, side)), target = result.shape();
  if (target.size() == 1) target.insert(target.begin(), 1);
  for_each_index<1>(target, {broadcast_strides(shape, target)},
                    [&](const auto& offsets) { *values++ -= zeros.data<uint64_t>()[offsets[0]]; });
  return result;
}

/// Calls write(batch, sums, count) for each product of matrices.
template <class Write>
Result<void> multiply_centred(const MatMulGeometry& g, const Tensor& a, const Tensor& b, const Write& write) {
  Tensor product = FOVEA_TRY(Tensor::allocate(DType::u64, {g.rows, g.columns}));
  auto* sums = product.mutable_view().as<uint64_t>();
  int64_t batch = 0;
  for_each_index<2>(g.batch, {g.a_strides, g.b_strides}, [&](const auto& offsets) {
    matrix_product(g.rows, g.inner, g.columns, a.data<uint64_t>() + offsets[0], b.data<uint64_t>() + offsets[1], sums);
    write(batch++, static_cast<const uint64_t*>(sums), product.size());
  });
  return {};
}

/// A scale for each element of the product, as strides over {batch ..., rows, columns}.
Result<Shape> scale_strides(const MatMulGeometry& g, const TensorView& operand, const TensorView& scale, Side side) {
  Shape full = g.batch;
  full.insert(full.end(), {g.rows, g.columns});
  return broadcast_strides(FOVEA_TRY(parameter_shape(operand.shape, scale.shape, side)), full);
}

}  // namespace

Result<Types> MatMulInteger::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kBytes));
  FOVEA_TRY(expect_dtype(in, 1, kBytes));
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in.shape(0), in.shape(1)));
  for (const size_t i : {2, 3})
    if (in.has(i)) {
      FOVEA_TRY(expect_same_dtype(in, i - 2, i));
      FOVEA_TRY(parameter_shape(in.shape(i - 2), in.shape(i), i == 2 ? Side::left : Side::right));
    }
  return Types{{DType::i32, g.output}};
}

Result<void> MatMulInteger::compute(Args in, Outs out) const {
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in[0].shape, in[1].shape));
  const Tensor a = FOVEA_TRY(centred(in[0], in.size() > 2 ? &in[2] : nullptr, Side::left));
  const Tensor b = FOVEA_TRY(centred(in[1], in.size() > 3 ? &in[3] : nullptr, Side::right));
  return multiply_centred(g, a, b,
                          [&](int64_t batch, const uint64_t* sums, int64_t n) { narrow(sums, n, out[0], batch * n); });
}

Result<Types> QLinearMatMul::infer(const Inputs& in) const {
  for (const size_t i : {0, 3, 7}) FOVEA_TRY(expect_dtype(in, i, kBytes));
  for (const size_t i : {1, 4, 6}) FOVEA_TRY(expect_dtype(in, i, kScales));
  FOVEA_TRY(expect_same_dtype(in, 0, 2));
  FOVEA_TRY(expect_same_dtype(in, 3, 5));
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in.shape(0), in.shape(3)));
  for (const size_t i : {1, 2}) FOVEA_TRY(parameter_shape(in.shape(0), in.shape(i), Side::left));
  for (const size_t i : {4, 5}) FOVEA_TRY(parameter_shape(in.shape(3), in.shape(i), Side::right));
  for (const size_t i : {6, 7})
    if (std::ranges::any_of(in.shape(i), [](int64_t extent) { return extent != 1; }))
      return invalid_model("input {} of shape {} must be one number", i, to_string(in.shape(i)));
  return Types{{in.dtype(7), g.output}};
}

Result<void> QLinearMatMul::compute(Args in, Outs out) const {
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in[0].shape, in[3].shape));
  const Tensor a = FOVEA_TRY(centred(in[0], &in[2], Side::left)), b = FOVEA_TRY(centred(in[3], &in[5], Side::right));
  const Tensor a_scale = FOVEA_TRY(widen<double>(in[1])), b_scale = FOVEA_TRY(widen<double>(in[4]));
  const Tensor y_scale = FOVEA_TRY(widen<double>(in[6])), y_zero = FOVEA_TRY(widen<double>(in[7]));
  const Shape a_steps = FOVEA_TRY(scale_strides(g, in[0], in[1], Side::left));
  const Shape b_steps = FOVEA_TRY(scale_strides(g, in[3], in[4], Side::right));
  Tensor all = FOVEA_TRY(Tensor::allocate(DType::i32, g.output));
  FOVEA_TRY(multiply_centred(g, a, b, [&](int64_t batch, const uint64_t* sums, int64_t n) {
    narrow(sums, n, all.mutable_view(), batch * n);
  }));
  Shape full = g.batch;
  full.insert(full.end(), {g.rows, g.columns});
  int64_t at = 0;
  for_each_index<2>(full, {a_steps, b_steps}, [&](const auto& offsets) {
    // In float throughout, as every runtime has it: the results are compared to the bit.
    const float scale = static_cast<float>(a_scale.data<double>()[offsets[0]]) *
                        static_cast<float>(b_scale.data<double>()[offsets[1]]) /
                        static_cast<float>(y_scale.data<double>()[0]);
    const float sum = static_cast<float>(all.data<int32_t>()[at]);
    const double y = saturate(static_cast<double>(sum * scale), y_zero.data<double>()[0], out[0].dtype);
    narrow(&y, 1, out[0], at++);
  });
  return {};
}

Result<OperatorPtr> parse_matmul_integer(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<MatMulInteger>();
}

Result<OperatorPtr> parse_qlinear_matmul(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<QLinearMatMul>();
}

}  // namespace fovea::ops
