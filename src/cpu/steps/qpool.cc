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

constexpr int64_t kMostTaps = 1024;  // pointers to lines of as many lie on the stack

/// Windows of bytes.
struct Windows {
  kernels::ConvShape s;
  std::vector<int64_t> pads;

  /// The taps of a window along one axis that lie inside: [first, last).
  struct Inside {
    int64_t first, last;
    int64_t count() const { return last - first; }
  };
  static Inside along(int64_t begin, int64_t taps, int64_t dilation, int64_t extent) {
    const int64_t first = begin < 0 ? std::min(taps, ceil_div(-begin, dilation)) : 0;
    const int64_t last = begin < extent ? std::min(taps, (extent - 1 - begin) / dilation + 1) : 0;
    return {first, std::max(first, last)};
  }
  Inside rows(int64_t oy) const {
    return along(oy * s.stride_y - s.pad_top, s.kernel_height, s.dilation_y, s.in_height);
  }
  Inside columns(int64_t ox) const {
    return along(ox * s.stride_x - s.pad_left, s.kernel_width, s.dilation_x, s.in_width);
  }
  /// Whether any tap lies inside.
  bool sees(int64_t oy, int64_t ox) const { return rows(oy).count() > 0 && columns(ox).count() > 0; }
  /// Those that lie inside or in the padding, but not beyond it.
  int64_t padded_taps(int64_t oy, int64_t ox) const {
    const auto within = [](int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t dilation, int64_t end) {
      int64_t n = 0;
      for (int64_t t = 0; t < k; ++t) n += o * stride - pad + t * dilation < end;
      return n;
    };
    return within(oy, s.stride_y, s.pad_top, s.kernel_height, s.dilation_y, s.in_height + pads[2]) *
           within(ox, s.stride_x, s.pad_left, s.kernel_width, s.dilation_x, s.in_width + pads[3]);
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
        sums_(round_up(node.shape(0)[3] * node.out_shape()[2], 16)) {
    // Windows between the first and the last that see all their columns.
    const kernels::ConvShape& w = windows_.s;
    while (first_whole_ < w.out_width && windows_.columns(first_whole_).count() < w.kernel_width) ++first_whole_;
    last_whole_ = first_whole_;
    while (last_whole_ < w.out_width && windows_.columns(last_whole_).count() == w.kernel_width) ++last_whole_;
  }

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const uint8_t*>(b.at(x_));
    const kernels::ConvShape& s = windows_.s;
    const int64_t row = s.out_width * s.pixel_stride;
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, row * s.taps()));
    b.pool->parallel_for(batch_ * s.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      auto* sums = static_cast<int32_t*>(b.scratch) + worker * sums_;
      for (int64_t line = begin; line < end; ++line)
        pool_line(b, x + line / s.out_height * s.in_height * s.row_stride, line, sums);
    });
    return {};
  }
  std::string kernel() const override { return mean_ ? "q_mean_pool" : "q_max_pool"; }
  int64_t scratch_bytes() const override { return mean_ ? threads_ * sums_ * 4 : 0; }

 private:
  /// Line `line` of the batch's results, from its image.
  void pool_line(const Bindings& b, const uint8_t* image, int64_t line, int32_t* sums) const {
    const kernels::ConvShape& s = windows_.s;
    const int64_t oy = line % s.out_height;
    const Windows::Inside rows = windows_.rows(oy);
    const uint8_t* lines[kMostTaps];
    for (int64_t k = rows.first; k < rows.last; ++k)
      lines[k - rows.first] = image + (oy * s.stride_y - s.pad_top + k * s.dilation_y) * s.row_stride;
    for (int64_t ox = 0; ox < s.out_width;) {
      const int64_t count = ox == first_whole_ && last_whole_ > ox ? last_whole_ - ox : 1;
      stretch(b, {lines, rows.count(), 0, 0, 0, s.pixel_stride, count}, line, oy, ox, sums);
      ox += count;
    }
  }

  /// `w.count` windows from column ox on, which see the same number of columns.
  void stretch(const Bindings& b, kernels::ByteWindows w, int64_t line, int64_t oy, int64_t ox, int32_t* sums) const {
    const kernels::ConvShape& s = windows_.s;
    const Windows::Inside columns = windows_.columns(ox);
    w.taps = columns.count();
    w.step = s.stride_x * s.pixel_stride;
    w.tap = s.dilation_x * s.pixel_stride;
    const uint8_t* from[kMostTaps];
    for (int64_t k = 0; k < w.line_count; ++k)
      from[k] = w.lines[k] + (ox * s.stride_x - s.pad_left + columns.first * s.dilation_x) * s.pixel_stride;
    w.lines = from;
    const int64_t pixel = line * s.out_width + ox, inside = w.line_count * w.taps;
    if (!mean_) {
      kernels::max_of_windows(w, static_cast<uint8_t*>(b.at_mutable(y_)) + pixel * s.pixel_stride);
      return;
    }
    kernels::sum_windows(w, sums);
    finish_.run(b, y_, sums, inside, padding_counts_ ? windows_.padded_taps(oy, ox) : inside, pixel * s.pixel_stride,
                s.pixel_stride, w.count);
  }

  ValueId x_, y_;
  int64_t batch_;
  Windows windows_;
  bool mean_, padding_counts_;
  QMeanFinish finish_;
  int threads_;
  int64_t sums_;
  int64_t first_whole_ = 0, last_whole_ = 0;
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
                      int64_t n, int64_t rows) const {
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
    kernels::finish_sums(f, sums + i, n, rows, std::min(kStretch, n - i),
                         to_floats ? nullptr : static_cast<uint8_t*>(b.at_mutable(y)) + at + i,
                         to_floats ? b.f32_mutable(y) + at + i : nullptr, n);
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
