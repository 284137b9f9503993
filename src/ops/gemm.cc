#include "ops/gemm.h"

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/matrix_product.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kGemmTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                                DType::i32, DType::u32, DType::i64, DType::u64};

}  // namespace

Result<GemmGeometry> Gemm::resolve(std::span<const int64_t> a, std::span<const int64_t> b) const {
  if (a.size() != 2 || b.size() != 2)
    return invalid_model("operands {} and {} must be matrices", to_string(a), to_string(b));
  const GemmGeometry geometry{transpose_a ? a[1] : a[0], transpose_a ? a[0] : a[1], transpose_b ? b[0] : b[1]};
  if ((transpose_b ? b[1] : b[0]) != geometry.inner)
    return invalid_model("operands {}{} and {}{} do not fit", to_string(a), transpose_a ? " (transposed)" : "",
                         to_string(b), transpose_b ? " (transposed)" : "");
  return geometry;
}

Result<Types> Gemm::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kGemmTypes));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  const GemmGeometry geometry = FOVEA_TRY(resolve(in.shape(0), in.shape(1)));
  const Shape shape{geometry.rows, geometry.columns};
  if (in.has(2)) {
    FOVEA_TRY(expect_same_dtype(in, 0, 2));
    const auto both = broadcast(shape, in.shape(2));
    if (!both.ok() || *both != shape)
      return invalid_model("C of shape {} cannot be broadcast to {}", to_string(in.shape(2)), to_string(shape));
  }
  return Types{FOVEA_TRY(checked_type(in.dtype(0), shape))};
}

Result<void> Gemm::compute(Args in, Outs out) const {
  const GemmGeometry g = FOVEA_TRY(resolve(in[0].shape, in[1].shape));
  return dispatch_wide(in[0].dtype, [&]<class C>() -> Result<void> {
    Tensor a = FOVEA_TRY(widen<C>(in[0])), b = FOVEA_TRY(widen<C>(in[1]));
    if (transpose_a) a = FOVEA_TRY(transposed<C>(a));
    if (transpose_b) b = FOVEA_TRY(transposed<C>(b));
    Tensor product = FOVEA_TRY(Tensor::allocate(dtype_of<C>, {g.rows, g.columns}));
    C* y = product.mutable_view().template as<C>();
    matrix_product(g.rows, g.inner, g.columns, a.data<C>(), b.data<C>(), y);
    // Factors of integer operands are cut off to integers, as far as they have a fraction at all.
    const C scale_ab = convert<C>(static_cast<double>(alpha)), scale_c = convert<C>(static_cast<double>(beta));
    for (int64_t i = 0; i < g.rows * g.columns; ++i) y[i] *= scale_ab;
    if (in.size() > 2 && in[2].present()) {
      const Tensor c = FOVEA_TRY(widen<C>(in[2]));
      const Shape steps = broadcast_strides(in[2].shape, product.shape());
      for (int64_t i = 0; i < g.rows; ++i)
        for (int64_t j = 0; j < g.columns; ++j)
          y[i * g.columns + j] += scale_c * c.data<C>()[i * steps[0] + j * steps[1]];
    }
    narrow(y, g.rows * g.columns, out[0]);
    return {};
  });
}

Result<OperatorPtr> parse_gemm(const Node& node) {
  Attributes attributes(node);
  const float alpha = attributes.number("alpha", 1), beta = attributes.number("beta", 1);
  const bool transpose_a = attributes.flag("transA", false), transpose_b = attributes.flag("transB", false);
  // Until opset 6 C had to ask for being broadcast; ours always is.
  if (node.opset < 7) attributes.ignore("broadcast");
  FOVEA_TRY(attributes.finish());
  return make_operator<Gemm>(alpha, beta, transpose_a, transpose_b);
}

}  // namespace fovea::ops
