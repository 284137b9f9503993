// Steps of fovea.Conv with a channel to each group.
#include "kernels/depthwise.h"

#include <algorithm>

#include "base/checked.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/steps.h"
#include "kernels/conv_rows.h"
#include "kernels/spatial.h"

namespace fovea::cpu {
namespace {

class DepthwiseStep final : public Step {
 public:
  DepthwiseStep(const LowerNode& node, const ConvGeometry& g, Tensor weight, Tensor zeros, const ConvEpilogue& fused)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        weight_(std::move(weight)),
        zeros_(std::move(zeros)),
        fused_(fused),
        in_registers_(kernels::has_depthwise_lines(g.shape)),
        narrow_x_(node.inputs[0].dtype == DType::bf16),
        narrow_y_(node.outputs[0].dtype == DType::bf16),
        threads_(std::max(node.threads, 1)),
        table_floats_(in_registers_ ? 0 : round_up(g.shape.taps() * g.shape.out_width * 2, 16)) {}

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const std::byte*>(b.at(x_));
    auto* y = static_cast<std::byte*>(b.at_mutable(y_));
    const float* bias = b.f32(fused_.bias);
    const kernels::ConvShape& s = g_.shape;
    const kernels::DepthwiseConv conv{
        s, weight_.data<float>(), bias, zeros_.data<float>(), fused_.activation, narrow_x_, narrow_y_};
    const int64_t x_bytes = narrow_x_ ? 2 : 4, y_bytes = narrow_y_ ? 2 : 4;
    const int64_t row = s.out_width * g_.in_channels();
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, row * s.taps()));
    b.pool->parallel_for(g_.batch * s.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      auto* table = reinterpret_cast<const float**>(static_cast<float*>(b.scratch) + worker * table_floats_);
      for (int64_t r = begin; r < end;) {
        const int64_t image = r / s.out_height, line = r % s.out_height;
        const int64_t lines = std::min(end - r, s.out_height - line);
        const std::byte* from = x + image * s.in_height * s.row_stride * x_bytes;
        std::byte* to = y + image * s.out_height * row * y_bytes;
        if (in_registers_)
          kernels::depthwise_lines(conv, from, line, line + lines, to);
        else
          by_table(reinterpret_cast<const float*>(from), bias, line, line + lines, table, reinterpret_cast<float*>(to));
        r += lines;
      }
    });
    return {};
  }
  std::string kernel() const override { return in_registers_ ? "depthwise_lines" : "depthwise_table"; }
  int64_t scratch_bytes() const override { return threads_ * table_floats_ * 4; }

 private:
  /// Any kernel, stride and dilation: rows by pointer.
  void by_table(const float* x, const float* bias, int64_t first, int64_t last, const float** table, float* y) const {
    const kernels::ConvShape& s = g_.shape;
    const int64_t channels = g_.in_channels();
    for (int64_t line = first; line < last; ++line) {
      const int64_t pixel = line * s.out_width;
      kernels::conv_rows(s, x, zeros_.data<float>(), pixel, s.out_width, table, s.out_width);
      kernels::depthwise_rows({table, s.out_width, s.taps(), channels, s.out_width, weight_.data<float>(), bias,
                               fused_.activation, y + pixel * channels, channels});
    }
  }

  ValueId x_, y_;
  ConvGeometry g_;
  Tensor weight_, zeros_;
  ConvEpilogue fused_;
  bool in_registers_, narrow_x_, narrow_y_;
  int threads_;
  int64_t table_floats_;
};

bool is_depthwise(const LowerNode& node, const std::optional<ConvGeometry>& g,
                  const std::optional<ConvEpilogue>& fused) {
  return node.constant(1) != nullptr && g && fused && g->in_per_group == 1 && g->out_per_group == 1 && g->groups >= 4 &&
         fused->residual == kNoValue;
}

}  // namespace

NarrowPorts depthwise_ports(const LowerNode& node) {
  const auto g = conv_geometry(as_f32(node));
  const bool narrow = is_depthwise(node, g, conv_epilogue(node)) && kernels::has_depthwise_lines(g->shape) &&
                      g->groups >= kernels::kLeastNarrow;
  return narrow ? NarrowPorts{1, true} : NarrowPorts{};
}

StepPtr make_depthwise_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = conv_geometry(as_f32(node));
  const auto fused = conv_epilogue(node);
  if (!is_depthwise(node, g, fused)) return nullptr;
  if (!all_f32(node) && depthwise_ports(node).inputs == 0) return nullptr;
  auto packed = depthwise_weight(node, *weight);
  auto zeros = Tensor::allocate(DType::f32, {g->groups});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<DepthwiseStep>(node, *g, std::move(packed).value(), std::move(zeros).value(), *fused);
}

}  // namespace fovea::cpu
