// ONNX LayerNormalization and RMSNormalization: over all axes from one on.
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/normalization.h"
#include "ops/onnx_dtype.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

Result<void> expect_broadcast(const Inputs& in, size_t i) {
  const auto both = broadcast(in.shape(0), in.shape(i));
  if (both.ok() && *both == in.shape(0)) return {};
  return invalid_model("input {} of shape {} cannot be broadcast to {}", i, to_string(in.shape(i)),
                       to_string(in.shape(0)));
}

/// The rows of X: what is normalised together is contiguous.
struct Rows {
  int64_t count, length;
};
Rows rows_of(std::span<const int64_t> x, int64_t axis) {
  const auto rank = static_cast<int64_t>(x.size());
  const int64_t at = axis < 0 ? axis + rank : axis;
  return {extent_product(x, 0, at), extent_product(x, at, rank)};
}

/// y = row * scale + bias, with both broadcast over X.
Result<void> scale_and_shift(const Tensor& rows, const TensorView& scale, const TensorView* bias,
                             const MutableView& out) {
  const Tensor factors = FOVEA_TRY(widen<double>(scale));
  const bool shifted = bias != nullptr && bias->present();
  const Tensor shifts = shifted ? FOVEA_TRY(widen<double>(*bias)) : Tensor::scalar<double>(0);
  const std::array strides{broadcast_strides(scale.shape, rows.shape()),
                           broadcast_strides(shifts.shape(), rows.shape())};
  Tensor result = FOVEA_TRY(Tensor::allocate(DType::f64, rows.shape()));
  auto* y = result.mutable_view().as<double>();
  int64_t at = 0;
  for_each_index<2>(rows.shape(), strides, [&](const auto& offsets) {
    y[at] = rows.data<double>()[at] * factors.data<double>()[offsets[0]] + shifts.data<double>()[offsets[1]];
    ++at;
  });
  narrow(y, result.size(), out);
  return {};
}

}  // namespace

Result<Types> LayerNormalization::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)));
  const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
  for (const size_t i : {1, 2})
    if (in.has(i)) {
      FOVEA_TRY(expect_same_dtype(in, 0, i));
      FOVEA_TRY(expect_broadcast(in, i));
    }
  Types types{in.type(0)};
  Shape reduced = in.shape(0);
  std::fill(reduced.begin() + at, reduced.end(), 1);
  while (types.size() < in.output_count()) types.push_back({stash, reduced});
  return types;
}

Result<void> LayerNormalization::compute(Args in, Outs out) const {
  const Rows rows = rows_of(in[0].shape, axis);
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  Tensor normalised = FOVEA_TRY(Tensor::allocate(DType::f64, x.shape()));
  auto* y = normalised.mutable_view().as<double>();
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* from = x.data<double>() + r * rows.length;
    const Moments m = moments(from, rows.length);
    const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(epsilon));
    for (int64_t i = 0; i < rows.length; ++i) *y++ = (from[i] - m.mean) * inverse;
    if (out.size() > 1 && out[1].present()) narrow(&m.mean, 1, out[1], r);
    if (out.size() > 2 && out[2].present()) narrow(&inverse, 1, out[2], r);
  }
  return scale_and_shift(normalised, in[1], in.size() > 2 ? &in[2] : nullptr, out[0]);
}

Result<Types> RmsNormalization::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_dtype(in, 1, kFloats));
  FOVEA_TRY(normalize_axis(axis, in.rank(0)));
  FOVEA_TRY(expect_broadcast(in, 1));
  return Types{FOVEA_TRY(checked_type(in.dtype(1), in.shape(0)))};
}

Result<void> RmsNormalization::compute(Args in, Outs out) const {
  const Rows rows = rows_of(in[0].shape, axis);
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  Tensor normalised = FOVEA_TRY(Tensor::allocate(DType::f64, x.shape()));
  auto* y = normalised.mutable_view().as<double>();
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* from = x.data<double>() + r * rows.length;
    double squares = 0;
    for (int64_t i = 0; i < rows.length; ++i) squares += from[i] * from[i];
    const double mean = squares / static_cast<double>(rows.length);
    const double inverse = 1 / std::sqrt(mean + static_cast<double>(epsilon));
    for (int64_t i = 0; i < rows.length; ++i) *y++ = from[i] * inverse;
  }
  return scale_and_shift(normalised, in[1], nullptr, out[0]);
}

Result<OperatorPtr> parse_layer_normalization(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", -1);
  const float epsilon = attributes.number("epsilon", 1e-5f);
  const DType stash = FOVEA_TRY(dtype_from_onnx(attributes.integer("stash_type", 1)));
  FOVEA_TRY(attributes.finish());
  if (!is_float(stash)) return invalid_model("stash_type {} is no float", name_of(stash));
  return make_operator<LayerNormalization>(axis, epsilon, stash);
}

Result<OperatorPtr> parse_rms_normalization(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", -1);
  const float epsilon = attributes.number("epsilon", 1e-5f);
  attributes.ignore("stash_type");
  FOVEA_TRY(attributes.finish());
  return make_operator<RmsNormalization>(axis, epsilon);
}

}  // namespace fovea::ops
