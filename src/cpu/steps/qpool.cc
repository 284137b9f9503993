// Steps of pools over NHWC bytes: fovea.MaxPool, fovea.QAveragePool, fovea.QMean.
#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "kernels/conv_rows.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

/// Byte windows as pointers: where each tap of an output pixel lies, or nullptr outside.
struct Windows {
  kernels::ConvShape s;
  std::vector<int64_t> pads;

  /// The taps of output pixel (y, x) that lie inside, one behind the other.
  int64_t taps(const uint8_t* x, int64_t oy, int64_t ox, const uint8_t** to) const {
    int64_t count = 0;
    for (int64_t ky = 0; ky < s.kernel_height; ++ky)
      for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
        const int64_t iy = oy * s.stride_y - s.pad_top + ky * s.dilation_y;
        const int64_t ix = ox * s.stride_x - s.pad_left + kx * s.dilation_x;
        if (iy >= 0 && iy < s.in_height && ix >= 0 && ix < s.in_width)
          to[count++] = x + iy * s.row_stride + ix * s.pixel_stride;
      }
    return count;
  }
  /// Whether any tap lies inside.
  bool sees(int64_t oy, int64_t ox) const {
    const auto along = [](int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t dilation, int64_t extent) {
      for (int64_t t = 0; t < k; ++t) {
        const int64_t i = o * stride - pad + t * dilation;
        if (i >= 0 && i < extent) return true;
      }
      return false;
    };
    return along(oy, s.stride_y, s.pad_top, s.kernel_height, s.dilation_y, s.in_height) &&
           along(ox, s.stride_x, s.pad_left, s.kernel_width, s.dilation_x, s.in_width);
  }
  /// Those that lie inside or in the padding, but not beyond it.
  int64_t padded_taps(int64_t oy, int64_t ox) const {
    const auto along = [](int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t dilation, int64_t end) {
      int64_t n = 0;
      for (int64_t t = 0; t < k; ++t) n += o * stride - pad + t * dilation < end;
      return n;
    };
    return along(oy, s.stride_y, s.pad_top, s.kernel_height, s.dilation_y, s.in_height + pads[2]) *
           along(ox, s.stride_x, s.pad_left, s.kernel_width, s.dilation_x, s.in_width + pads[3]);
  }
};

std::optional<Windows> windows_of(const LowerNode& node) {
  if (node.shape(0).size() != 4) return std::nullopt;
  const auto* auto_pad = node.node.attribute<std::string>("auto_pad");
  const auto kernel = node.integers("kernel_shape"), strides = node.integers("strides", {1, 1}),
             dilations = node.integers("dilations", {1, 1}), pads = node.integers("pads", {0, 0, 0, 0});
  if (kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 ||
      (auto_pad && *auto_pad != "NOTSET"))
    return std::nullopt;
  const Shape &x = node.shape(0), &y = node.out_shape();
  kernels::ConvShape s;
  s.in_height = x[1], s.in_width = x[2], s.out_height = y[1], s.out_width = y[2];
  s.kernel_height = kernel[0], s.kernel_width = kernel[1];
  s.stride_y = strides[0], s.stride_x = strides[1], s.dilation_y = dilations[0], s.dilation_x = dilations[1];
  s.pad_top = pads[0], s.pad_left = pads[1];
  s.pixel_stride = x[3];
  s.row_stride = x[2] * x[3];
  constexpr int64_t kMostTaps = 1024;  // pointers to them lie on the stack
  if (s.kernel_height > kMostTaps || s.kernel_width > kMostTaps || s.taps() > kMostTaps) return std::nullopt;
  return Windows{s, pads};
}

class QPoolStep final : public Step {
 public:
  QPoolStep(const LowerNode& node, Windows windows, bool mean, QMeanFinish finish)
      : x_(node.in(0)),
        y_(node.out()),
        batch_(node.shape(0)[0]),
        windows_(std::move(windows)),
        mean_(mean),
        padding_counts_(node.integer("count_include_pad", 0) != 0),
        finish_(finish),
        threads_(std::max(node.threads, 1)),
        sums_(round_up(node.shape(0)[3], 16)) {}

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const uint8_t*>(b.at(x_));
    const kernels::ConvShape& s = windows_.s;
    const int64_t channels = s.pixel_stride, row = s.out_width * channels;
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, row * s.taps()));
    b.pool->parallel_for(batch_ * s.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      const uint8_t* taps[1024];
      auto* sums = static_cast<int32_t*>(b.scratch) + worker * sums_;
      for (int64_t p = begin * s.out_width; p < end * s.out_width; ++p) {
        const int64_t oy = p / s.out_width % s.out_height, ox = p % s.out_width;
        const int64_t inside = windows_.taps(x + p / s.pixels() * s.in_height * s.row_stride, oy, ox, taps);
        if (!mean_) {
          kernels::max_byte_rows(taps, 1, inside, channels, 1, static_cast<uint8_t*>(b.at_mutable(y_)) + p * channels);
          continue;
        }
        kernels::sum_byte_taps(taps, 1, inside, channels, sums);
        finish_.run(b, y_, sums, inside, padding_counts_ ? windows_.padded_taps(oy, ox) : inside, p * channels,
                    channels);
      }
    });
    return {};
  }
  std::string kernel() const override { return mean_ ? "q_mean_pool" : "q_max_pool"; }
  int64_t scratch_bytes() const override { return mean_ ? threads_ * sums_ * 4 : 0; }

 private:
  ValueId x_, y_;
  int64_t batch_;
  Windows windows_;
  bool mean_, padding_counts_;
  QMeanFinish finish_;
  int threads_;
  int64_t sums_;
};

/// Means over the rows of matrices {rows, columns}, one behind the other.
class QMeanStep final : public Step {
 public:
  QMeanStep(const LowerNode& node, int64_t axes, QMeanFinish finish)
      : x_(node.in(0)), y_(node.out()), columns_(node.shape(0).back()), finish_(finish) {
    const auto rank = static_cast<int64_t>(node.shape(0).size());
    outer_ = ops::extent_product(node.shape(0), 0, rank - 1 - axes);
    rows_ = ops::extent_product(node.shape(0), rank - 1 - axes, rank - 1);
  }

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const uint8_t*>(b.at(x_));
    const int64_t stretches = ceil_div(columns_, kStretch);
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / (rows_ * kStretch));
    b.pool->parallel_for(outer_ * stretches, grain, [&](int64_t begin, int64_t end, int) {
      int32_t sums[kStretch];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i / stretches, c = i % stretches * kStretch, n = std::min(kStretch, columns_ - c);
        kernels::sum_byte_rows(x + o * rows_ * columns_ + c, rows_, columns_, n, sums);
        finish_.run(b, y_, sums, rows_, rows_, o * columns_ + c, n);
      }
    });
    return {};
  }
  std::string kernel() const override { return "q_mean"; }

 private:
  static constexpr int64_t kStretch = 64;
  ValueId x_, y_;
  int64_t columns_, outer_ = 1, rows_ = 1;
  QMeanFinish finish_;
};

}  // namespace

void QMeanFinish::run(const Bindings& b, ValueId y, const int32_t* sums, int64_t added, int64_t counted, int64_t at,
                      int64_t n) const {
  constexpr int64_t kStretch = 64;
  int32_t correction[kStretch];
  float multiplier[kStretch];
  std::fill_n(correction, kStretch, static_cast<int32_t>(-added * x_zero));
  std::fill_n(multiplier, kStretch, factor / static_cast<float>(counted));
  kernels::SumsFinish f;
  f.correction = correction;
  f.multiplier = multiplier;
  f.range = range;
  for (int64_t i = 0; i < n; i += kStretch)
    kernels::finish_sums(f, sums + i, 0, 1, std::min(kStretch, n - i),
                         to_floats ? nullptr : static_cast<uint8_t*>(b.at_mutable(y)) + at + i,
                         to_floats ? b.f32_mutable(y) + at + i : nullptr, 0);
}

StepPtr make_qpool_step(const LowerNode& node) {
  const bool mean = node.node.is("QAveragePool", "fovea");
  const DType y = node.outputs[0].dtype;
  if (node.inputs[0].dtype != DType::u8 || (y != DType::u8 && (!mean || y != DType::f32))) return nullptr;
  auto windows = windows_of(node);
  if (!windows) return nullptr;
  // A window of padding alone: the reference kernel knows what that gives.
  for (int64_t oy = 0; oy < windows->s.out_height; ++oy)
    for (int64_t ox = 0; ox < windows->s.out_width; ++ox)
      if (!windows->sees(oy, ox)) return nullptr;
  return std::make_unique<QPoolStep>(node, std::move(*windows), mean, QMeanFinish::of(node));
}

StepPtr make_qmean_step(const LowerNode& node) {
  const DType y = node.outputs[0].dtype;
  const int64_t axes = node.integer("count", 2);
  if (node.inputs[0].dtype != DType::u8 || (y != DType::u8 && y != DType::f32) ||
      static_cast<int64_t>(node.shape(0).size()) <= axes ||
      element_count(node.shape(0)) / node.shape(0).back() > (1 << 23))
    return nullptr;
  return std::make_unique<QMeanStep>(node, axes, QMeanFinish::of(node));
}

}  // namespace fovea::cpu
