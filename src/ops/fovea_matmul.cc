// fovea.MatMul: a linear layer with all that follows it. Inputs A {..., k}, B {k, n} (or {n, k} where transpose_b),
// bias {n}, residual {..., n}; all f32, but for B, which may be kept in fewer bits (ops/narrow_weight.h): inputs 4 and
// 5 are its scales and zero points, attribute "block_size" says how many k share one, and "bits" is 4 where no number
// of it needs more.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/fovea_epilogue.h"
#include "ops/matmul.h"
#include "ops/matrix_product.h"
#include "ops/narrow_weight.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kF32[] = {DType::f32};

struct FoveaMatMul final : Operator {
  NarrowWeight weight;
  FoveaEpilogue epilogue;

  FoveaMatMul(NarrowWeight w, FoveaEpilogue e) : weight(w), epilogue(std::move(e)) {}

  Result<Types> infer(const Inputs& in) const override {
    for (size_t i : {0, 2, 3})
      if (in.has(i)) FOVEA_TRY(expect_dtype(in, i, kF32));
    FOVEA_TRY(expect_rank_at_least(in, 0, 1));
    FOVEA_TRY(weight.infer(in, 1, 4, 5));
    const size_t k = weight.transposed ? 1 : 0;
    const int64_t inner = in.shape(1)[k], columns = in.shape(1)[1 - k];
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
    const Tensor b = FOVEA_TRY(weight.widened(in, 1, 4, 5));
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
  const NarrowWeight weight{attributes.flag("transpose_b", false), attributes.integer("block_size", 0)};
  attributes.ignore("bits");  // for kernels
  FoveaEpilogue epilogue = FOVEA_TRY(FoveaEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaMatMul>(weight, std::move(epilogue));
}

}  // namespace fovea::ops
