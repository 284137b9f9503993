// Steps of fovea.MaxPool and fovea.AveragePool: pools over NHWC.
#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "cpu/steps/steps.h"
#include "kernels/conv_rows.h"
#include "kernels/spatial.h"

namespace fovea::cpu {
namespace {

class PoolStep final : public Step {
 public:
  PoolStep(const LowerNode& node, const kernels::ConvShape& shape, bool mean, std::vector<float> factors, Tensor zeros)
      : x_(node.in(0)),
        y_(node.out()),
        batch_(node.shape(0)[0]),
        s_(shape),
        channels_(node.shape(0)[3]),
        mean_(mean),
        narrow_(node.inputs[0].dtype == DType::bf16),
        factors_(std::move(factors)),
        zeros_(std::move(zeros)),
        threads_(std::max(node.threads, 1)),
        table_floats_(round_up(shape.taps() * shape.out_width * 2, 16)) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    auto* y = static_cast<std::byte*>(b.at_mutable(y_));
    const int64_t row = s_.out_width * channels_;
    const int64_t bytes = narrow_ ? 2 : 4;
    const int64_t grain = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, row * s_.taps()));
    b.pool->parallel_for(batch_ * s_.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      auto* rows = reinterpret_cast<const float**>(static_cast<float*>(b.scratch) + worker * table_floats_);
      for (int64_t r = begin; r < end; ++r) {
        const int64_t image = r / s_.out_height, first = r % s_.out_height * s_.out_width;
        const float* from = x + image * s_.in_height * s_.row_stride;
        if (mean_) {
          kernels::conv_rows(s_, from, zeros_.data<float>(), first, s_.out_width, rows, s_.out_width);
          kernels::mean_rows(rows, s_.out_width, s_.taps(), channels_, s_.out_width, factors_.data() + first, narrow_,
                             y + r * row * bytes);
        } else {
          kernels::pool_rows(s_, from, first, s_.out_width, rows, s_.out_width, nullptr);
          kernels::max_rows(rows, s_.out_width, s_.taps(), channels_, s_.out_width, narrow_, y + r * row * bytes);
        }
      }
    });
    return {};
  }
  std::string kernel() const override { return mean_ ? "mean_pool" : "max_pool"; }
  int64_t scratch_bytes() const override { return threads_ * table_floats_ * 4; }

 private:
  ValueId x_, y_;
  int64_t batch_;
  kernels::ConvShape s_;  // strides in floats, also where two numbers make one
  int64_t channels_;
  bool mean_, narrow_;
  std::vector<float> factors_;  // for each output pixel, one over the taps that count
  Tensor zeros_;
  int threads_;
  int64_t table_floats_;
};

}  // namespace

NarrowPorts pool_ports(const LowerNode& node) {
  // Rows are counted in floats.
  return make_pool_step(node) != nullptr && node.shape(0)[3] % 2 == 0 ? NarrowPorts{1, true, true} : NarrowPorts{};
}

StepPtr make_pool_step(const LowerNode& node) {
  const bool mean = node.node.op_type == "AveragePool";
  if (!all_f32(as_f32(node)) || node.inputs[0].dtype != node.outputs[0].dtype || node.shape(0).size() != 4)
    return nullptr;
  const auto* auto_pad = node.node.attribute<std::string>("auto_pad");
  const auto kernel = node.integers("kernel_shape"), strides = node.integers("strides", {1, 1}),
             dilations = node.integers("dilations", {1, 1}), pads = node.integers("pads", {0, 0, 0, 0});
  if (kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 ||
      (auto_pad && *auto_pad != "NOTSET"))
    return nullptr;
  const Shape &x = node.shape(0), &y = node.out_shape();
  kernels::ConvShape s;
  s.in_height = x[1], s.in_width = x[2], s.out_height = y[1], s.out_width = y[2];
  s.kernel_height = kernel[0], s.kernel_width = kernel[1];
  s.stride_y = strides[0], s.stride_x = strides[1], s.dilation_y = dilations[0], s.dilation_x = dilations[1];
  s.pad_top = pads[0], s.pad_left = pads[1];
  s.pixel_stride = node.inputs[0].dtype == DType::bf16 ? x[3] / 2 : x[3];
  s.row_stride = x[2] * s.pixel_stride;

  constexpr int64_t kMostTaps = 4096;  // beyond, a table of pointers outgrows the data
  if (s.kernel_height > kMostTaps || s.kernel_width > kMostTaps || s.taps() > kMostTaps) return nullptr;

  // Taps that count along one axis: those inside the image, or also those in the padding, but none beyond it.
  const bool padding_counts = node.integer("count_include_pad", 0) != 0;
  const auto counted = [&](int64_t o, int64_t stride, int64_t begin, int64_t k, int64_t dilation, int64_t in,
                           int64_t end, bool with_padding) {
    int64_t n = 0;
    for (int64_t t = 0; t < k; ++t) {
      const int64_t i = o * stride - begin + t * dilation;
      n += with_padding ? i < in + end : i >= 0 && i < in;
    }
    return n;
  };
  std::vector<float> factors;
  for (int64_t oy = 0; oy < s.out_height; ++oy)
    for (int64_t ox = 0; ox < s.out_width; ++ox) {
      const auto taps = [&](bool padding) {
        return counted(oy, s.stride_y, s.pad_top, s.kernel_height, s.dilation_y, s.in_height, pads[2], padding) *
               counted(ox, s.stride_x, s.pad_left, s.kernel_width, s.dilation_x, s.in_width, pads[3], padding);
      };
      if (taps(false) == 0) return nullptr;  // a window of padding alone: the reference kernel knows what that gives
      factors.push_back(1.0f / static_cast<float>(taps(mean && padding_counts)));
    }
  auto zeros = Tensor::allocate(DType::f32, {x[3]});
  if (!zeros.ok()) return nullptr;
  return std::make_unique<PoolStep>(node, s, mean, std::move(factors), std::move(zeros).value());
}

}  // namespace fovea::cpu
