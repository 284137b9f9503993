// fovea.QAveragePool and fovea.QMean: means of bytes over NHWC.
//
// QAveragePool: input x {n, h, w, c}; attributes of AveragePool. QMean: input x {..., c}; the mean over `count` axes
// before the last one, which the output keeps with extent 1 where keepdims.
//     s = sum of (x - x_zero), padding counts as x_zero
//     r = float(s) * (factor / float(number of elements that count))     the quotient is rounded to f32 first
// and y = r or clamp(round_half_even(r) + y_zero, low, high), as in ops/fovea_q_epilogue.h.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/pool.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::u8, DType::i8};

void write(const QEpilogue& epilogue, const MutableView& y, int64_t i, int64_t sum, int64_t count, float factor) {
  const float share = factor / static_cast<float>(count);
  const float r = static_cast<float>(static_cast<int32_t>(sum)) * share;
  if (y.dtype == DType::f32)
    y.as<float>()[i] = r;
  else
    set_byte(y, i, requantise(r, epilogue.y_zero, epilogue.low, epilogue.high));
}

struct FoveaQAveragePool final : Operator {
  WindowAttributes window;
  bool padding_counts;
  float factor;
  QEpilogue epilogue;

  FoveaQAveragePool(WindowAttributes w, bool counts, float f, QEpilogue e)
      : window(std::move(w)), padding_counts(counts), factor(f), epilogue(std::move(e)) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kBytes));
    FOVEA_TRY(expect_rank(in, 0, 4));
    const Shape& s = in.shape(0);
    const Inputs::Input image[] = {{{DType::f32, {s[0], s[3], s[1], s[2]}}, nullptr, true}};
    Types types = FOVEA_TRY(AveragePool(window, padding_counts).infer(Inputs(image, 1)));
    const Shape y = types[0].shape;
    return Types{{epilogue.output, {y[0], y[2], y[3], y[1]}}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const std::span x = in[0].shape, y = out[0].shape;
    const auto axes = FOVEA_TRY(resolve_window(window, Shape{x[1], x[2]}, window.kernel_shape));
    const int64_t c = x[3];
    for (int64_t i = 0; i < out[0].size(); ++i) {
      const int64_t channel = i % c, px = i / c % y[2], py = i / (c * y[2]) % y[1], n = i / (c * y[2] * y[1]);
      int64_t sum = 0, inside = 0, counted = 0;
      for (int64_t ky = 0; ky < axes[0].kernel; ++ky)
        for (int64_t kx = 0; kx < axes[1].kernel; ++kx) {
          const int64_t iy = py * axes[0].stride - axes[0].pad_begin + ky * axes[0].dilation;
          const int64_t ix = px * axes[1].stride - axes[1].pad_begin + kx * axes[1].dilation;
          counted += iy < x[1] + axes[0].pad_end && ix < x[2] + axes[1].pad_end;
          if (iy < 0 || iy >= x[1] || ix < 0 || ix >= x[2]) continue;
          ++inside;
          sum += byte_at(in[0], ((n * x[1] + iy) * x[2] + ix) * c + channel) - epilogue.x_zero;
        }
      write(epilogue, out[0], i, sum, padding_counts ? counted : inside, factor);
    }
    return {};
  }
};

struct FoveaQMean final : Operator {
  int64_t axes;
  bool keepdims;
  float factor;
  QEpilogue epilogue;

  FoveaQMean(int64_t a, bool keep, float f, QEpilogue e) : axes(a), keepdims(keep), factor(f), epilogue(std::move(e)) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kBytes));
    FOVEA_TRY(expect_rank_at_least(in, 0, axes + 1));
    const Shape& x = in.shape(0);
    Shape y(x.begin(), x.end() - axes - 1);
    if (keepdims) y.insert(y.end(), static_cast<size_t>(axes), 1);
    y.push_back(x.back());
    return Types{{epilogue.output, std::move(y)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const int64_t rank = in[0].rank(), columns = in[0].shape.back();
    const int64_t rows = extent_product(in[0].shape, rank - 1 - axes, rank - 1);
    for (int64_t i = 0; i < out[0].size(); ++i) {
      int64_t sum = 0;
      for (int64_t r = 0; r < rows; ++r)
        sum += byte_at(in[0], (i / columns * rows + r) * columns + i % columns) - epilogue.x_zero;
      write(epilogue, out[0], i, sum, rows, factor);
    }
    return {};
  }
};

Result<QEpilogue> parse_epilogue(Attributes& attributes) {
  QEpilogue epilogue = FOVEA_TRY(QEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  if (epilogue.output == DType::i32) return invalid_model("the output is i32, but must be u8, i8 or f32");
  return epilogue;
}

}  // namespace

Result<OperatorPtr> parse_fovea_qaverage_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  const bool padding_counts = attributes.flag("count_include_pad", false);
  const float factor = attributes.number("factor", 1);
  QEpilogue epilogue = FOVEA_TRY(parse_epilogue(attributes));
  return make_operator<FoveaQAveragePool>(std::move(window), padding_counts, factor, std::move(epilogue));
}

Result<OperatorPtr> parse_fovea_qmean(const Node& node) {
  Attributes attributes(node);
  const int64_t axes = attributes.integer("count", 2);
  const bool keepdims = attributes.flag("keepdims", true);
  const float factor = attributes.number("factor", 1);
  QEpilogue epilogue = FOVEA_TRY(parse_epilogue(attributes));
  if (axes < 1 || axes > 8) return invalid_model("attribute \"count\" is {}, but must be 1 to 8", axes);
  return make_operator<FoveaQMean>(axes, keepdims, factor, std::move(epilogue));
}

}  // namespace fovea::ops
