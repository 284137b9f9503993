// ONNX Conv and ConvTranspose.
#include "ops/conv.h"

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convolve.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

Result<void> check_channels(int64_t groups, std::span<const int64_t> x, std::span<const int64_t> w,
                            int64_t weight_inputs) {
  if (x.size() < 3 || x.size() != w.size())
    return invalid_model("input {} and weight {} must have the same rank, 3 or more", to_string(x), to_string(w));
  if (groups < 1) return invalid_model("attribute \"group\" is {}, but must be 1 or more", groups);
  if (x[0] < 0 || x[1] < 1 || w[0] < 1 || w[1] < 1 || x[1] != weight_inputs || w[0] % groups != 0)
    return invalid_model("input {}, weight {} and {} groups do not fit", to_string(x), to_string(w), groups);
  return {};
}

Result<TensorType> infer_conv(const Inputs& in, const ConvGeometry& geometry) {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  if (in.has(2)) {
    FOVEA_TRY(expect_same_dtype(in, 0, 2));
    FOVEA_TRY(expect_shape(in, 2, Shape{geometry.out_channels()}));
  }
  return checked_type(in.dtype(0), geometry.output());
}

template <bool kTransposed>
Result<void> compute_conv(const ConvGeometry& geometry, Args in, const MutableView& y) {
  if (y.size() == 0) return {};
  const Convolver<double, kTransposed> convolver(geometry);
  const Tensor x = FOVEA_TRY(widen<double>(in[0])), w = FOVEA_TRY(widen<double>(in[1]));
  const bool biased = in.size() > 2 && in[2].present();
  const Tensor bias = biased ? FOVEA_TRY(widen<double>(in[2])) : Tensor();
  Tensor sums = FOVEA_TRY(Tensor::allocate(DType::f64, {convolver.plane()}));
  auto* plane = sums.mutable_view().as<double>();
  for (int64_t image = 0; image < geometry.batch; ++image)
    for (int64_t channel = 0; channel < geometry.out_channels(); ++channel) {
      std::fill_n(plane, convolver.plane(), biased ? bias.data<double>()[channel] : 0.0);
      convolver.add_channel(image, channel, x.data<double>(), w.data<double>(), plane);
      narrow(plane, convolver.plane(), y, (image * geometry.out_channels() + channel) * convolver.plane());
    }
  return {};
}

}  // namespace

Result<ConvGeometry> resolve_conv(const WindowAttributes& attributes, int64_t groups, std::span<const int64_t> x,
                                  std::span<const int64_t> w) {
  const auto inputs = w.size() > 1 ? checked_mul(w[1], groups) : 0;
  FOVEA_TRY(check_channels(groups, x, w, inputs.value_or(-1)));
  Window window = FOVEA_TRY(resolve_window(attributes, x.subspan(2), w.subspan(2)));
  return ConvGeometry{x[0], groups, w[1], w[0] / groups, std::move(window)};
}

Result<Types> Conv::infer(const Inputs& in) const {
  return Types{FOVEA_TRY(infer_conv(in, FOVEA_TRY(resolve(in.shape(0), in.shape(1)))))};
}

Result<void> Conv::compute(Args in, Outs out) const {
  return compute_conv<false>(FOVEA_TRY(resolve(in[0].shape, in[1].shape)), in, out[0]);
}

Result<ConvGeometry> ConvTranspose::resolve(std::span<const int64_t> x, std::span<const int64_t> w) const {
  FOVEA_TRY(check_channels(groups, x, w, w.empty() ? 0 : w[0]));
  if (!checked_mul(w[1], groups)) return invalid_model("{} groups of {} channels are too many", groups, w[1]);
  Window resolved =
      FOVEA_TRY(resolve_transposed_window(window, output_padding, output_shape, x.subspan(2), w.subspan(2)));
  return ConvGeometry{x[0], groups, w[0] / groups, w[1], std::move(resolved)};
}

Result<Types> ConvTranspose::infer(const Inputs& in) const {
  return Types{FOVEA_TRY(infer_conv(in, FOVEA_TRY(resolve(in.shape(0), in.shape(1)))))};
}

Result<void> ConvTranspose::compute(Args in, Outs out) const {
  return compute_conv<true>(FOVEA_TRY(resolve(in[0].shape, in[1].shape)), in, out[0]);
}

Result<OperatorPtr> parse_conv(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  const int64_t groups = attributes.integer("group", 1);
  FOVEA_TRY(attributes.finish());
  return make_operator<Conv>(std::move(window), groups);
}

Result<OperatorPtr> parse_conv_transpose(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  const int64_t groups = attributes.integer("group", 1);
  auto output_padding = attributes.integers("output_padding");
  auto output_shape = attributes.integers("output_shape");
  FOVEA_TRY(attributes.finish());
  return make_operator<ConvTranspose>(std::move(window), groups, std::move(output_padding), std::move(output_shape));
}

}  // namespace fovea::ops
