// fovea.MatMul: a linear layer with all that follows it. Inputs A {..., k}, B {k, n} (or {n, k} where transpose_b),
// bias {n}, residual {..., n}; all f32.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/fovea_epilogue.h"
#include "ops/matmul.h"
#include "ops/matrix_product.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kF32[] = {DType::f32};

struct FoveaMatMul final : Operator {
  bool transpose_b;
  FoveaEpilogue epilogue;

  FoveaMatMul(bool transpose, FoveaEpilogue e) : transpose_b(transpose), epilogue(std::move(e)) {}

  Result<Types> infer(const Inputs& in) const override {
    for (size_t i = 0; i < 4; ++i)
      if (in.has(i)) FOVEA_TRY(expect_dtype(in, i, kF32));
    FOVEA_TRY(expect_rank_at_least(in, 0, 1));
    FOVEA_TRY(expect_rank(in, 1, 2));
    const int64_t inner = in.shape(1)[transpose_b ? 1 : 0], columns = in.shape(1)[transpose_b ? 0 : 1];
    if (in.shape(0).back() != inner)
      return invalid_model("{} and {} have different inner extents", to_string(in.type(0)), to_string(in.type(1)));
    Shape shape = in.shape(0);
    shape.back() = columns;
    if (in.has(2)) FOVEA_TRY(expect_shape(in, 2, Shape{columns}));
    if (in.has(3)) FOVEA_TRY(expect_shape(in, 3, shape));
    return Types{{DType::f32, std::move(shape)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const Tensor a = FOVEA_TRY(widen<double>(in[0]));
    Tensor b = FOVEA_TRY(widen<double>(in[1]));
    if (transpose_b) b = FOVEA_TRY(transposed<double>(b));
    const int64_t inner = b.shape()[0], columns = b.shape()[1];
    const int64_t rows = columns == 0 ? 0 : out[0].size() / columns;
    Tensor product = FOVEA_TRY(Tensor::allocate(DType::f64, {rows, columns}));
    auto* sums = product.mutable_view().as<double>();
    matrix_product(rows, inner, columns, a.data<double>(), b.data<double>(), sums);
    auto* y = out[0].as<float>();
    const float* bias = in.size() > 2 && in[2].present() ? in[2].as<float>() : nullptr;
    for (int64_t i = 0; i < rows * columns; ++i)
      y[i] = static_cast<float>(sums[i] + (bias ? static_cast<double>(bias[i % columns]) : 0.0));
    return epilogue.apply(in.size() > 3 ? in[3] : TensorView{}, out[0]);
  }
};

}  // namespace

Result<OperatorPtr> parse_fovea_matmul(const Node& node) {
  Attributes attributes(node);
  const bool transpose_b = attributes.flag("transpose_b", false);
  FoveaEpilogue epilogue = FOVEA_TRY(FoveaEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaMatMul>(transpose_b, std::move(epilogue));
}

}  // namespace fovea::ops
