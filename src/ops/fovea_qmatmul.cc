// fovea.QMatMul: a product of bytes with all that follows it (ops/fovea_q_epilogue.h). Inputs A {..., m, k}, B {..., k,
// n} ({n, k} where transpose_b, which is for two axes), multiplier, bias, offset {n}, residual {the output's shape}.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/matmul.h"
#include "ops/matrix_product.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

/// zero(i): the zero point of element i.
template <class Zero>
Result<Tensor> centred(const TensorView& x, Zero zero) {
  Tensor wide = FOVEA_TRY(Tensor::allocate(DType::u64, Shape(x.shape.begin(), x.shape.end())));
  auto* to = wide.mutable_view().as<uint64_t>();
  for (int64_t i = 0; i < x.size(); ++i) to[i] = static_cast<uint64_t>(int64_t{byte_at(x, i)} - zero(i));
  return wide;
}

struct FoveaQMatMul final : Operator {
  bool transpose_b;
  QEpilogue epilogue;

  FoveaQMatMul(bool transpose, QEpilogue e) : transpose_b(transpose), epilogue(std::move(e)) {}

  Shape right(std::span<const int64_t> b) const {
    Shape shape(b.begin(), b.end());
    if (transpose_b) std::swap(shape[0], shape[1]);
    return shape;
  }

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank_at_least(in, 0, 1));
    if (in.has(QEpilogue::kXZeros)) return invalid_model("zero points for the channels of x, which are summed");
    if (transpose_b)
      FOVEA_TRY(expect_rank(in, 1, 2));
    else
      FOVEA_TRY(expect_rank_at_least(in, 1, 2));
    const MatMulGeometry geometry = FOVEA_TRY(resolve_matmul(in.shape(0), right(in.shape(1))));
    return Types{FOVEA_TRY(epilogue.infer(in, geometry.output))};
  }

  Result<void> compute(Args in, Outs out) const override {
    if (out[0].size() == 0) return {};
    const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in[0].shape, right(in[1].shape)));
    const int64_t inner = in[1].shape.back();
    const Tensor a = FOVEA_TRY(centred(in[0], [&](int64_t) { return epilogue.zero_of_x(in); }));
    Tensor b = FOVEA_TRY(
        centred(in[1], [&](int64_t i) { return epilogue.zero_of_w(in, transpose_b ? i / inner : i % inner); }));
    if (transpose_b) b = FOVEA_TRY(transposed<uint64_t>(b));
    Tensor product = FOVEA_TRY(Tensor::allocate(DType::u64, {g.rows, g.columns}));
    Tensor sums = FOVEA_TRY(Tensor::allocate(DType::i32, {out[0].size()}));
    auto* to = sums.mutable_view().as<int32_t>();
    for_each_index(g.batch, std::array{g.a_strides, g.b_strides}, [&](const auto& offsets) {
      matrix_product(g.rows, g.inner, g.columns, a.data<uint64_t>() + offsets[0], b.data<uint64_t>() + offsets[1],
                     product.mutable_view().as<uint64_t>());
      for (const uint64_t sum : product.values<uint64_t>()) *to++ = static_cast<int32_t>(static_cast<uint32_t>(sum));
    });
    return epilogue.apply(sums.data<int32_t>(), g.columns, in, out[0]);
  }
};

}  // namespace

Result<OperatorPtr> parse_fovea_qmatmul(const Node& node) {
  Attributes attributes(node);
  const bool transpose_b = attributes.flag("transpose_b", false);
  QEpilogue epilogue = FOVEA_TRY(QEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaQMatMul>(transpose_b, std::move(epilogue));
}

}  // namespace fovea::ops
