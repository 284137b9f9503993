#include "ops/narrow_weight.h"

#include "base/checked.h"
#include "base/error.h"
#include "ops/matrix_product.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {

Result<void> NarrowWeight::infer(const Inputs& in, size_t weight, size_t scale, size_t zero) const {
  constexpr DType kAllowed[] = {DType::f32, DType::f16, DType::bf16, DType::i8, DType::u8}, kSingle[] = {DType::f32};
  FOVEA_TRY(expect_dtype(in, weight, kAllowed));
  FOVEA_TRY(expect_rank(in, weight, 2));
  if (is_float(in.dtype(weight)) == in.has(scale))
    return invalid_model("scales belong to weights of bytes, and to them alone");
  if (!in.has(scale)) {
    if (in.has(zero)) return invalid_model("zero points without scales");
    return {};
  }
  const Shape& shape = in.shape(weight);
  const int64_t depth = shape[transposed ? 1 : 0], columns = shape[transposed ? 0 : 1];
  if (block < 0) return invalid_model("blocks of {} numbers", block);
  const int64_t blocks = block == 0 || depth == 0 ? 1 : (depth - 1) / block + 1;
  FOVEA_TRY(expect_dtype(in, scale, kSingle));
  FOVEA_TRY(expect_shape(in, scale, Shape{blocks, columns}));
  if (in.has(zero)) {
    FOVEA_TRY(expect_same_dtype(in, weight, zero));
    FOVEA_TRY(expect_shape(in, zero, Shape{blocks, columns}));
  }
  return {};
}

Result<Tensor> NarrowWeight::widened(Args in, size_t weight, size_t scale, size_t zero) const {
  Tensor w = FOVEA_TRY(widen<double>(in[weight]));
  if (transposed) w = FOVEA_TRY(ops::transposed<double>(w));
  const auto given = [&](size_t i) { return i < in.size() && in[i].present(); };
  if (!given(scale)) return w;
  const Tensor zeros = given(zero) ? FOVEA_TRY(widen<double>(in[zero])) : Tensor();
  const int64_t depth = w.shape()[0], columns = w.shape()[1];
  Tensor made = FOVEA_TRY(Tensor::allocate(DType::f64, {depth, columns}));
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n) {
      const int64_t at = (block == 0 ? 0 : k / block) * columns + n;
      const double centred = w.data<double>()[k * columns + n] - (zeros.raw() ? zeros.data<double>()[at] : 0);
      made.mutable_view().as<double>()[k * columns + n] =
          static_cast<double>(static_cast<float>(centred) * in[scale].as<float>()[at]);
    }
  return made;
}

}  // namespace fovea::ops
