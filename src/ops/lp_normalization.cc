// ONNX LpNormalization.
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/normalization.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {

Result<Types> LpNormalization::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(normalize_axis(axis, in.rank(0)));
  return Types{FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)))};
}

Result<void> LpNormalization::compute(Args in, Outs out) const {
  const int64_t at = axis < 0 ? axis + in[0].rank() : axis;
  const int64_t length = in[0].shape[static_cast<size_t>(at)];
  const int64_t inner = extent_product(in[0].shape, at + 1, in[0].rank());
  const int64_t outer = extent_product(in[0].shape, 0, at);
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  Tensor result = FOVEA_TRY(Tensor::allocate(DType::f64, x.shape()));
  auto* y = result.mutable_view().as<double>();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t first = o * length * inner + i;
      double sum = 0;
      for (int64_t k = 0; k < length; ++k) {
        const double value = std::fabs(x.data<double>()[first + k * inner]);
        sum += p == 2 ? value * value : value;
      }
      const double norm = p == 2 ? std::sqrt(sum) : sum;
      for (int64_t k = 0; k < length; ++k)
        y[first + k * inner] = norm == 0 ? 0 : x.data<double>()[first + k * inner] / norm;
    }
  narrow(y, result.size(), out[0]);
  return {};
}

Result<OperatorPtr> parse_lp_normalization(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", -1), p = attributes.integer("p", 2);
  FOVEA_TRY(attributes.finish());
  if (p != 1 && p != 2) return invalid_model("attribute \"p\" is {}, but must be 1 or 2", p);
  return make_operator<LpNormalization>(axis, p);
}

}  // namespace fovea::ops
