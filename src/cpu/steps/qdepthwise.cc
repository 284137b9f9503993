// Steps of fovea.QConv with a channel to each group. Lines of the image become floats, whose sums of products are whole
// numbers far below 2^24 and therefore exact, whatever their order; what follows is that of all products of bytes.
#include <algorithm>

#include "base/checked.h"
#include "base/content_hash.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "kernels/conv_rows.h"
#include "kernels/depthwise.h"
#include "kernels/spatial.h"
#include "ops/fovea_q_epilogue.h"

namespace fovea::cpu {
namespace {

class QDepthwiseStep final : public Step {
 public:
  QDepthwiseStep(const LowerNode& node, const ConvGeometry& g, Tensor weight, Tensor zeros, QFinish finish)
      : x_(node.in(0)),
        x_zeros_(node.has(ops::QEpilogue::kXZeros) ? *node.constant(ops::QEpilogue::kXZeros) : Tensor()),
        g_(g),
        weight_(std::move(weight)),
        zeros_(std::move(zeros)),
        finish_(std::move(finish)),
        in_registers_(kernels::has_depthwise_lines(g.shape)),
        threads_(std::max(node.threads, 1)) {
    const kernels::ConvShape& s = g.shape;
    // As many lines as leave both copies in half of the L2 cache.
    const int64_t channels = g.in_channels(), out_line = s.out_width * channels * 4;
    const int64_t in_line = s.in_width * channels * 4, halo = (s.kernel_height - 1) * s.dilation_y + 1 - s.stride_y;
    lines_ = (cache_sizes().l2 / 2 - halo * in_line) / std::max<int64_t>(1, out_line + in_line * s.stride_y);
    lines_ = std::clamp<int64_t>(lines_, 1, s.out_height);
    in_floats_ = round_up(in_lines(lines_) * s.in_width * channels, 16);
    out_floats_ = round_up(lines_ * s.out_width * channels, 16);
    table_floats_ = in_registers_ ? 0 : round_up(s.taps() * s.out_width * 2, 16);
  }

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const uint8_t*>(b.at(x_));
    const QFinish::Bound finish = finish_.bind(b, b.scratch);
    const int32_t x_zero = finish_.x_zero(b);
    std::byte* room = static_cast<std::byte*>(b.scratch) + finish_.scratch_bytes();
    const kernels::ConvShape& s = g_.shape;
    const int64_t row = s.out_width * g_.in_channels();
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, row * s.taps()));
    b.pool->parallel_for(g_.batch * s.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      auto* in = reinterpret_cast<float*>(room) + worker * worker_floats();
      float* sums = in + in_floats_;
      auto* table = reinterpret_cast<const float**>(sums + out_floats_);
      for (int64_t r = begin; r < end;) {
        const int64_t image = r / s.out_height, line = r % s.out_height;
        const int64_t lines = std::min({end - r, s.out_height - line, lines_});
        const int64_t first = std::max<int64_t>(0, line * s.stride_y - s.pad_top);
        const int64_t last = std::min(s.in_height, line * s.stride_y - s.pad_top + in_lines(lines));
        if (first < last)
          centre(x + (image * s.in_height + first) * s.row_stride, (last - first) * s.row_stride, x_zero, in);
        const float* from = in - first * s.row_stride;  // where line 0 would be
        if (in_registers_)
          kernels::depthwise_lines({s, weight_.data<float>(), nullptr, zeros_.data<float>(), {}, false, false}, from,
                                   line, line + lines, sums - line * row);
        else
          by_table(from, line, line + lines, table, sums);
        finish(sums, g_.in_channels(), r * s.out_width, lines * s.out_width, 0, g_.in_channels());
        r += lines;
      }
    });
    return {};
  }
  std::string kernel() const override { return in_registers_ ? "q_depthwise_lines" : "q_depthwise_table"; }
  int64_t scratch_bytes() const override { return finish_.scratch_bytes() + threads_ * worker_floats() * 4; }

 private:
  int64_t worker_floats() const { return in_floats_ + out_floats_ + table_floats_; }
  /// Input lines that so many output lines see.
  int64_t in_lines(int64_t lines) const {
    const kernels::ConvShape& s = g_.shape;
    return (lines - 1) * s.stride_y + (s.kernel_height - 1) * s.dilation_y + 1;
  }

  /// n bytes of whole pixels, less their zero points.
  void centre(const uint8_t* x, int64_t n, int32_t x_zero, float* y) const {
    const int64_t channels = g_.in_channels();
    if (x_zeros_.raw() != nullptr)
      kernels::dequantize_columns(x, x_zeros_.data<int32_t>(), nullptr, y, n / channels, channels);
    else
      kernels::dequantize_row(x, x_zero, 1.0f, y, n);
  }

  /// Any kernel, stride and dilation: rows by pointer.
  void by_table(const float* x, int64_t first, int64_t last, const float** table, float* sums) const {
    const kernels::ConvShape& s = g_.shape;
    const int64_t channels = g_.in_channels();
    for (int64_t line = first; line < last; ++line, sums += s.out_width * channels) {
      kernels::conv_rows(s, x, zeros_.data<float>(), line * s.out_width, s.out_width, table, s.out_width);
      kernels::depthwise_rows(
          {table, s.out_width, s.taps(), channels, s.out_width, weight_.data<float>(), nullptr, {}, sums, channels});
    }
  }

  ValueId x_;
  Tensor x_zeros_;  // i32 {channels}, where they differ
  ConvGeometry g_;
  Tensor weight_, zeros_;  // {taps, channels}, less its zero point; {channels}
  QFinish finish_;
  bool in_registers_;
  int threads_;
  int64_t lines_ = 1, in_floats_ = 0, out_floats_ = 0, table_floats_ = 0;
};

}  // namespace

StepPtr make_qdepthwise_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = weight != nullptr && node.inputs[0].dtype == DType::u8 ? conv_sizes(node) : std::nullopt;
  if (!g || g->in_per_group != 1 || g->out_per_group != 1 || g->shape.taps() > ops::kExactTaps ||
      node.has(ops::QEpilogue::kPixels))
    return nullptr;
  using Operand = ops::QEpilogue::Operand;
  const Tensor *w_zeros = node.constant(Operand::kWZeros), *x_zeros = node.constant(Operand::kXZeros);
  if ((node.has(Operand::kWZeros) && w_zeros == nullptr) || (node.has(Operand::kXZeros) && x_zeros == nullptr))
    return nullptr;
  const auto w_zero = static_cast<int32_t>(node.integer("w_zero", 0));
  const int64_t channels = g->in_channels(), taps = g->shape.taps();
  // Bytes less a byte: sums of floats stay exact.
  const auto are_bytes = [](const Tensor* zeros, int32_t least) {
    return zeros == nullptr ||
           std::ranges::all_of(zeros->values<int32_t>(), [least](int32_t z) { return z >= least && z <= least + 255; });
  };
  if (!are_bytes(w_zeros, weight->dtype() == DType::u8 ? 0 : -128) || !are_bytes(x_zeros, 0)) return nullptr;
  const std::string zeros_key =
      w_zeros == nullptr
          ? fmt::format("{}", w_zero)
          : "columns " + to_hex(content_hash({reinterpret_cast<const char*>(w_zeros->raw()), w_zeros->bytes()}));
  auto turned = node.weights.get(
      *weight, fmt::format("depthwise {}", zeros_key), TensorType{DType::f32, {taps, channels}},
      [&]() -> Result<Tensor> {
        Tensor all = FOVEA_TRY(Tensor::allocate(DType::f32, {taps, channels}));
        auto* to = all.mutable_view().as<float>();
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t t = 0; t < taps; ++t) {
            const int64_t i = c * taps + t;
            const int32_t w = weight->dtype() == DType::u8 ? weight->data<uint8_t>()[i] : weight->data<int8_t>()[i];
            to[t * channels + c] = static_cast<float>(w - (w_zeros != nullptr ? w_zeros->data<int32_t>()[c] : w_zero));
          }
        return all;
      });
  auto zeros = Tensor::allocate(DType::f32, {channels});
  // Zero points are taken off before the sums are made: they correct nothing.
  QWeights weights;
  auto correction = Tensor::allocate(DType::i32, {channels});
  if (!turned.ok() || !zeros.ok() || !correction.ok()) return nullptr;
  weights.correction = std::move(correction).value();
  auto finish = QFinish::make(node, &weights);
  if (!finish) return nullptr;
  return std::make_unique<QDepthwiseStep>(node, *g, std::move(turned).value(), std::move(zeros).value(),
                                          std::move(*finish));
}

}  // namespace fovea::cpu
