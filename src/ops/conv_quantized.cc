// ONNX ConvInteger and QLinearConv.
#include <algorithm>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/conv.h"
#include "ops/convolve.h"
#include "ops/quantize_linear.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::i8, DType::u8};
constexpr DType kSingle[] = {DType::f32};
constexpr DType kBias[] = {DType::i32};

/// A parameter that is one number, or one for each of `count` channels (0: just one).
Result<void> expect_parameter(const Inputs& in, size_t i, int64_t count) {
  const Shape& shape = in.shape(i);
  if (shape.empty() || (shape.size() == 1 && (shape[0] == 1 || (count > 0 && shape[0] == count)))) return {};
  return invalid_model("input {} of shape {} must be one number{}", i, to_string(shape),
                       count > 0 ? ", or one for each output channel" : "");
}

/// The operand minus its zero point, which is one, or one for each of the leading index.
Result<Tensor> centred(const TensorView& x, const TensorView* zero_point) {
  Tensor result = FOVEA_TRY(widen<uint64_t>(x));
  if (zero_point == nullptr || !zero_point->present() || x.size() == 0) return result;
  const Tensor zeros = FOVEA_TRY(widen<uint64_t>(*zero_point));
  const int64_t run = result.size() / zeros.size();
  auto* values = result.mutable_view().as<uint64_t>();
  for (int64_t i = 0; i < result.size(); ++i) values[i] -= zeros.data<uint64_t>()[i / run];
  return result;
}

/// Calls write(channel, sums as int64_t, plane, offset in y) for each output plane.
template <class Write>
Result<void> convolve(const ConvGeometry& geometry, const Tensor& x, const Tensor& w, const Write& write) {
  if (element_count(geometry.output()) == 0) return {};
  const Convolver<uint64_t> convolver(geometry);
  Tensor sums = FOVEA_TRY(Tensor::allocate(DType::u64, {convolver.plane()}));
  auto* plane = sums.mutable_view().as<uint64_t>();
  for (int64_t image = 0; image < geometry.batch; ++image)
    for (int64_t channel = 0; channel < geometry.out_channels(); ++channel) {
      std::fill_n(plane, convolver.plane(), 0);
      convolver.add_channel(image, channel, x.data<uint64_t>(), w.data<uint64_t>(), plane);
      write(channel, static_cast<const uint64_t*>(plane), convolver.plane(),
            (image * geometry.out_channels() + channel) * convolver.plane());
    }
  return {};
}

const TensorView* optional(Args in, size_t i) { return i < in.size() ? &in[i] : nullptr; }

}  // namespace

Result<Types> ConvInteger::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kBytes));
  FOVEA_TRY(expect_dtype(in, 1, kBytes));
  const ConvGeometry geometry = FOVEA_TRY(resolve_conv(window, groups, in.shape(0), in.shape(1)));
  for (const size_t i : {2, 3})
    if (in.has(i)) {
      FOVEA_TRY(expect_same_dtype(in, i - 2, i));
      FOVEA_TRY(expect_parameter(in, i, i == 3 ? geometry.out_channels() : 0));
    }
  return Types{FOVEA_TRY(checked_type(DType::i32, geometry.output()))};
}

Result<void> ConvInteger::compute(Args in, Outs out) const {
  const ConvGeometry geometry = FOVEA_TRY(resolve_conv(window, groups, in[0].shape, in[1].shape));
  const Tensor x = FOVEA_TRY(centred(in[0], optional(in, 2))), w = FOVEA_TRY(centred(in[1], optional(in, 3)));
  return convolve(geometry, x, w,
                  [&](int64_t, const uint64_t* sums, int64_t n, int64_t offset) { narrow(sums, n, out[0], offset); });
}

Result<Types> QLinearConv::infer(const Inputs& in) const {
  const ConvGeometry geometry = FOVEA_TRY(resolve_conv(window, groups, in.shape(0), in.shape(3)));
  for (const size_t i : {0, 3, 7}) FOVEA_TRY(expect_dtype(in, i, kBytes));
  for (const size_t i : {1, 4, 6}) FOVEA_TRY(expect_dtype(in, i, kSingle));
  FOVEA_TRY(expect_same_dtype(in, 0, 2));
  FOVEA_TRY(expect_same_dtype(in, 3, 5));
  for (const size_t i : {1, 2, 6, 7}) FOVEA_TRY(expect_parameter(in, i, 0));
  for (const size_t i : {4, 5}) FOVEA_TRY(expect_parameter(in, i, geometry.out_channels()));
  if (in.has(8)) {
    FOVEA_TRY(expect_dtype(in, 8, kBias));
    FOVEA_TRY(expect_shape(in, 8, Shape{geometry.out_channels()}));
  }
  return Types{FOVEA_TRY(checked_type(in.dtype(7), geometry.output()))};
}

Result<void> QLinearConv::compute(Args in, Outs out) const {
  const ConvGeometry geometry = FOVEA_TRY(resolve_conv(window, groups, in[0].shape, in[3].shape));
  const Tensor x = FOVEA_TRY(centred(in[0], &in[2])), w = FOVEA_TRY(centred(in[3], &in[5]));
  const Tensor zero_point = FOVEA_TRY(widen<double>(in[7]));
  const int32_t* bias = in.size() > 8 && in[8].present() ? in[8].as<int32_t>() : nullptr;
  const bool by_channel = in[4].size() > 1;
  return convolve(geometry, x, w, [&](int64_t channel, const uint64_t* sums, int64_t n, int64_t offset) {
    // In float throughout, as every runtime has it: the results are compared to the bit.
    const float scale = in[1].as<float>()[0] * in[4].as<float>()[by_channel ? channel : 0] / in[6].as<float>()[0];
    for (int64_t i = 0; i < n; ++i) {
      const auto sum = static_cast<int32_t>(sums[i] + static_cast<uint64_t>(bias ? bias[channel] : 0));
      const double y =
          saturate(static_cast<double>(static_cast<float>(sum) * scale), zero_point.data<double>()[0], out[0].dtype);
      narrow(&y, 1, out[0], offset + i);
    }
  });
}

template <class Op>
static Result<OperatorPtr> parse(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  const int64_t groups = attributes.integer("group", 1);
  FOVEA_TRY(attributes.finish());
  return make_operator<Op>(std::move(window), groups);
}

Result<OperatorPtr> parse_conv_integer(const Node& node) { return parse<ConvInteger>(node); }
Result<OperatorPtr> parse_qlinear_conv(const Node& node) { return parse<QLinearConv>(node); }

}  // namespace fovea::ops
