// fovea.QConv: a convolution of bytes over NHWC with all that follows it (ops/fovea_q_epilogue.h). Inputs X {n, h, w,
// c}, W {out, c / group, kh, kw} as ONNX has it, multiplier, bias, offset {out}, residual {the output's shape}.
// Padding counts as x_zero. With a table {c, 256} of u8 (input 14), the image is what the table makes of X.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/conv.h"
#include "ops/convolve.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/lookup.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

constexpr DType kU8[] = {DType::u8};

struct FoveaQConv final : Operator {
  WindowAttributes window;
  int64_t groups;
  QEpilogue epilogue;

  FoveaQConv(WindowAttributes w, int64_t g, QEpilogue e) : window(std::move(w)), groups(g), epilogue(std::move(e)) {}

  Result<ConvGeometry> resolve(std::span<const int64_t> x, std::span<const int64_t> w) const {
    const Shape image{x[0], x[3], x[1], x[2]};
    return resolve_conv(window, groups, image, w);
  }

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank(in, 0, 4));
    const ConvGeometry geometry = FOVEA_TRY(resolve(in.shape(0), in.shape(1)));
    const Shape y = geometry.output();
    if (in.has(QEpilogue::kPixels)) {
      FOVEA_TRY(expect_dtype(in, 0, kU8));
      FOVEA_TRY(expect_dtype(in, QEpilogue::kPixels, kU8));
      FOVEA_TRY(expect_rank_at_least(in, 0, 1));
      FOVEA_TRY(expect_shape(in, QEpilogue::kPixels, Shape{in.shape(0).back(), 256}));
    }
    return Types{FOVEA_TRY(epilogue.infer(in, {y[0], y[2], y[3], y[1]}))};
  }

  Result<void> compute(Args in, Outs out) const override {
    if (out[0].size() == 0) return {};
    const bool looks_up = in.size() > QEpilogue::kPixels && in[QEpilogue::kPixels].data != nullptr;
    const Tensor image = looks_up ? FOVEA_TRY(looked_up(in[0], in[QEpilogue::kPixels])) : Tensor();
    const TensorView from = looks_up ? image.view() : in[0];
    const ConvGeometry geometry = FOVEA_TRY(resolve(in[0].shape, in[1].shape));
    const int64_t channels = geometry.in_channels(), columns = geometry.out_channels();
    const int64_t pixels = in[0].shape[1] * in[0].shape[2];
    Tensor x = FOVEA_TRY(Tensor::allocate(DType::u64, Shape(in[0].shape.begin(), in[0].shape.end())));
    auto* to = x.mutable_view().as<uint64_t>();
    for (int64_t n = 0; n < geometry.batch; ++n)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t p = 0; p < pixels; ++p)
          *to++ = static_cast<uint64_t>(int64_t{byte_at(from, (n * pixels + p) * channels + c)} -
                                        epilogue.zero_of_x(in, c));
    Tensor w = FOVEA_TRY(Tensor::allocate(DType::u64, {in[1].size()}));
    to = w.mutable_view().as<uint64_t>();
    const int64_t weights = in[1].size() / columns;  // of a column
    for (int64_t i = 0; i < in[1].size(); ++i)
      *to++ = static_cast<uint64_t>(int64_t{byte_at(in[1], i)} - epilogue.zero_of_w(in, i / weights));

    const Convolver<uint64_t> convolver(geometry);
    Tensor plane = FOVEA_TRY(Tensor::allocate(DType::u64, {convolver.plane()}));
    Tensor sums = FOVEA_TRY(Tensor::allocate(DType::i32, {out[0].size()}));
    auto* sum = plane.mutable_view().as<uint64_t>();
    for (int64_t image = 0; image < geometry.batch; ++image)
      for (int64_t channel = 0; channel < columns; ++channel) {
        std::fill_n(sum, convolver.plane(), 0);
        convolver.add_channel(image, channel, x.data<uint64_t>(), w.data<uint64_t>(), sum);
        for (int64_t p = 0; p < convolver.plane(); ++p)
          sums.mutable_view().as<int32_t>()[(image * convolver.plane() + p) * columns + channel] =
              static_cast<int32_t>(static_cast<uint32_t>(sum[p]));
      }
    return epilogue.apply(sums.data<int32_t>(), columns, in, out[0]);
  }
};

}  // namespace

Result<OperatorPtr> parse_fovea_qconv(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  const int64_t groups = attributes.integer("group", 1);
  QEpilogue epilogue = FOVEA_TRY(QEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaQConv>(std::move(window), groups, std::move(epilogue));
}

}  // namespace fovea::ops
