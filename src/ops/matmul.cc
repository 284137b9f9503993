// ONNX MatMul.
#include "ops/matmul.h"

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/matrix_product.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kMatMulTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                                  DType::i32, DType::u32, DType::i64, DType::u64};

}  // namespace

Result<MatMulGeometry> resolve_matmul(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.empty() || b.empty()) return invalid_model("a scalar cannot be an operand of a matrix product");
  MatMulGeometry g;
  const bool row = a.size() == 1, column = b.size() == 1;
  g.inner = a.back();
  g.rows = row ? 1 : a[a.size() - 2];
  g.columns = column ? 1 : b.back();
  if ((column ? b[0] : b[b.size() - 2]) != g.inner)
    return invalid_model("operands {} and {} do not fit", to_string(a), to_string(b));
  const auto batch_a = row ? a.first(0) : a.first(a.size() - 2), batch_b = column ? b.first(0) : b.first(b.size() - 2);
  g.batch = FOVEA_TRY(broadcast(batch_a, batch_b));
  g.output = g.batch;
  if (!row) g.output.push_back(g.rows);
  if (!column) g.output.push_back(g.columns);
  // Also the operands': strides are computed from them.
  for (const auto shape : {a, b, std::span<const int64_t>(g.output)}) FOVEA_TRY(checked_bytes(DType::f64, shape));
  g.a_strides = broadcast_strides(batch_a, g.batch);
  g.b_strides = broadcast_strides(batch_b, g.batch);
  for (int64_t& stride : g.a_strides) stride *= g.rows * g.inner;
  for (int64_t& stride : g.b_strides) stride *= g.inner * g.columns;
  return g;
}

Result<Types> MatMul::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kMatMulTypes));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in.shape(0), in.shape(1)));
  return Types{{in.dtype(0), g.output}};
}

Result<void> MatMul::compute(Args in, Outs out) const {
  const MatMulGeometry g = FOVEA_TRY(resolve_matmul(in[0].shape, in[1].shape));
  return dispatch_wide(in[0].dtype, [&]<class C>() -> Result<void> {
    const Tensor a = FOVEA_TRY(widen<C>(in[0])), b = FOVEA_TRY(widen<C>(in[1]));
    Tensor product = FOVEA_TRY(Tensor::allocate(dtype_of<C>, {g.rows, g.columns}));
    C* y = product.mutable_view().template as<C>();
    int64_t written = 0;
    for_each_index<2>(g.batch, {g.a_strides, g.b_strides}, [&](const auto& offsets) {
      matrix_product(g.rows, g.inner, g.columns, a.data<C>() + offsets[0], b.data<C>() + offsets[1], y);
      narrow(y, product.size(), out[0], written);
      written += product.size();
    });
    return {};
  });
}

Result<OperatorPtr> parse_matmul(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<MatMul>();
}

}  // namespace fovea::ops
