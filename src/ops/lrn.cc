// ONNX LRN: local response normalisation across neighbouring channels.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/normalization.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {

Result<Types> Lrn::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_rank_at_least(in, 0, 2));
  return Types{FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)))};
}

Result<void> Lrn::compute(Args in, Outs out) const {
  const int64_t channels = in[0].shape[1], inner = extent_product(in[0].shape, 2, in[0].rank());
  const int64_t before = std::min((size - 1) / 2, channels), after = std::min(size / 2, channels);
  const double weight = static_cast<double>(alpha) / static_cast<double>(size);
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  Tensor result = FOVEA_TRY(Tensor::allocate(DType::f64, x.shape()));
  auto* y = result.mutable_view().as<double>();
  for (int64_t n = 0; n < in[0].shape[0]; ++n) {
    const double* image = x.data<double>() + n * channels * inner;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < inner; ++i) {
        double squares = 0;
        for (int64_t k = std::max<int64_t>(c - before, 0); k <= std::min(c + after, channels - 1); ++k)
          squares += image[k * inner + i] * image[k * inner + i];
        const double base = static_cast<double>(bias) + weight * squares;
        *y++ = image[c * inner + i] / std::pow(base, static_cast<double>(beta));
      }
  }
  narrow(result.data<double>(), result.size(), out[0]);
  return {};
}

Result<OperatorPtr> parse_lrn(const Node& node) {
  Attributes attributes(node);
  attributes.require("size");
  const int64_t size = attributes.integer("size", 1);
  const float alpha = attributes.number("alpha", 1e-4f), beta = attributes.number("beta", 0.75f);
  const float bias = attributes.number("bias", 1);
  FOVEA_TRY(attributes.finish());
  if (size < 1) return invalid_model("attribute \"size\" is {}, but must be 1 or more", size);
  return make_operator<Lrn>(alpha, beta, bias, size);
}

}  // namespace fovea::ops
