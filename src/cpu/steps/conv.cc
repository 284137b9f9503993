// Steps of fovea.Conv: convolutions over NHWC as matrix products over row pointers, and depthwise ones.
#include "ops/conv.h"

#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/steps/steps.h"
#include "kernels/conv_rows.h"
#include "kernels/gemm.h"
#include "kernels/spatial.h"

namespace fovea::cpu {
namespace {

/// Sizes of one convolution, from the node.
struct Geometry {
  int64_t batch = 1, groups = 1, in_per_group = 1, out_per_group = 1;
  kernels::ConvShape shape;

  int64_t in_channels() const { return groups * in_per_group; }
  int64_t out_channels() const { return groups * out_per_group; }
};

/// Larger kernels than any model has: their tables of pointers would outgrow the data.
constexpr int64_t kMostTaps = 4096;

std::optional<Geometry> geometry_of(const LowerNode& node) {
  if (!all_f32(node) || node.shape(0).size() != 4 || node.shape(1).size() != 4) return std::nullopt;
  const Shape &x = node.shape(0), &w = node.shape(1), &y = node.out_shape();
  Geometry g;
  g.batch = x[0];
  g.groups = node.integer("group", 1);
  g.in_per_group = w[1];
  g.out_per_group = w[0] / g.groups;
  kernels::ConvShape& s = g.shape;
  s.in_height = x[1], s.in_width = x[2], s.out_height = y[1], s.out_width = y[2];
  s.kernel_height = w[2], s.kernel_width = w[3];
  const auto pair = [&](std::string_view key) { return node.integers(key, {1, 1}); };
  const auto strides = pair("strides"), dilations = pair("dilations"), pads = node.integers("pads", {0, 0, 0, 0});
  const auto* auto_pad = node.node.attribute<std::string>("auto_pad");
  if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 || (auto_pad && *auto_pad != "NOTSET"))
    return std::nullopt;
  s.stride_y = strides[0], s.stride_x = strides[1];
  s.dilation_y = dilations[0], s.dilation_x = dilations[1];
  s.pad_top = pads[0], s.pad_left = pads[1];
  s.pixel_stride = x[3];
  s.row_stride = x[2] * x[3];
  if (s.taps() > kMostTaps) return std::nullopt;
  return g;
}

/// What the epilogue of a fused node needs, beside its addresses.
struct Fused {
  ValueId bias, residual;
  kernels::Activation activation;
  bool residual_last;
};

class ConvStep final : public Step {
 public:
  ConvStep(const LowerNode& node, const Geometry& g, const kernels::GemmKernel& kernel, Tensor packed, Tensor zeros,
           const Fused& fused, bool padded)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        kernel_(kernel),
        packed_(std::move(packed)),
        zeros_(std::move(zeros)),
        fused_(fused),
        padded_(padded),
        threads_(std::max(node.threads, 1)) {
    s_ = g.shape;
    depth_ = g.in_per_group;
    if (padded_) {
      // Few channels: the image is copied with its padding, and a tap is a whole row of the kernel.
      s_.in_height = (s_.out_height - 1) * s_.stride_y + s_.kernel_height;
      s_.in_width = (s_.out_width - 1) * s_.stride_x + s_.kernel_width;
      s_.row_stride = s_.in_width * s_.pixel_stride;
      s_.pad_top = s_.pad_left = 0;
      depth_ = s_.kernel_width * g.in_per_group;
      s_.kernel_width = 1;
      padded_floats_ = round_up(g.batch * s_.in_height * s_.row_stride, 16);
    }
    block_ = kernels::block_rows(kernel_, g.batch * s_.pixels(), s_.taps() * depth_ * 4);
    rows_floats_ = round_up(s_.taps() * block_ * 2, 16);  // a pointer is two floats
    panels_ = kernels::panel_count(kernel_, g.out_per_group);
    group_floats_ = kernels::packed_floats(kernel_, g.out_per_group, s_.taps(), depth_);
  }

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    auto* scratch = static_cast<float*>(b.scratch);
    if (padded_) {
      pad(x, scratch, *b.pool);
      x = scratch;
    }
    Operands o{x, b.f32(fused_.bias), b.f32(fused_.residual), b.f32_mutable(y_)};
    const auto table = [&](int worker) {
      return reinterpret_cast<const float**>(scratch + padded_floats_ + worker * rows_floats_);
    };
    const int64_t total = g_.batch * s_.pixels(), tiles = ceil_div(total, kernel_.rows);
    const int64_t macs = s_.taps() * depth_ * g_.out_channels();
    constexpr int64_t kGrainMacs = 1 << 17;
    if (tiles >= 4 * b.pool->size() || g_.groups * panels_ < b.pool->size()) {
      b.pool->parallel_for(
          tiles, std::max<int64_t>(1, kGrainMacs / (macs * kernel_.rows)), [&](int64_t begin, int64_t end, int worker) {
            pixels(o, table(worker), total * begin / tiles, total * end / tiles, 0, g_.groups * panels_);
          });
    } else {
      const int64_t all = g_.groups * panels_;
      b.pool->parallel_for(
          all, std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, macs * total / all)),
          [&](int64_t begin, int64_t end, int worker) { pixels(o, table(worker), 0, total, begin, end); });
    }
    return {};
  }
  std::string kernel() const override { return std::string("conv_") + kernel_.name; }
  int64_t scratch_bytes() const override { return (padded_floats_ + threads_ * rows_floats_) * 4; }
  bool may_overwrite(size_t input) const override { return fused_.residual != kNoValue && input == 3; }

 private:
  struct Operands {
    const float *x, *bias, *residual;
    float* y;
  };

  /// Output pixels [begin, end) of the batch, panels [first, last) counted through the groups.
  void pixels(const Operands& o, const float** rows, int64_t begin, int64_t end, int64_t first, int64_t last) const {
    const int64_t plane = s_.pixels(), channels = g_.out_channels();
    for (int64_t m = begin; m < end;) {
      const int64_t image = m / plane, in_image = m % plane;
      const int64_t count = std::min({block_, end - m, plane - in_image});
      const float* x = o.x + image * s_.in_height * s_.row_stride;
      for (int64_t p = first; p < last;) {
        const int64_t group = p / panels_, p0 = p % panels_, p1 = std::min(panels_, p0 + last - p);
        kernels::conv_rows(s_, x + group * g_.in_per_group, zeros_.data<float>(), in_image, count, rows, count);
        const int64_t column = group * g_.out_per_group;
        kernels::GemmTile tile;
        tile.rows = rows;
        tile.row_stride = count;
        tile.taps = s_.taps();
        tile.depth = depth_;
        tile.c = o.y + m * channels + column;
        tile.c_stride = channels;
        tile.epilogue.bias = o.bias ? o.bias + column : nullptr;
        tile.epilogue.residual = o.residual ? o.residual + m * channels + column : nullptr;
        tile.epilogue.residual_stride = channels;
        tile.epilogue.residual_last = fused_.residual_last;
        tile.epilogue.activation = fused_.activation;
        kernels::gemm_block(kernel_, tile, packed_.data<float>() + group * group_floats_, count, g_.out_per_group, p0,
                            p1);
        p += p1 - p0;
      }
      m += count;
    }
  }

  void pad(const float* x, float* to, ThreadPool& pool) const {
    const kernels::ConvShape& in = g_.shape;
    const int64_t c = in.pixel_stride, width = s_.in_width * c;
    pool.parallel_for(g_.batch * s_.in_height, 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t image = r / s_.in_height, y = r % s_.in_height - in.pad_top;
        float* row = to + r * width;
        if (y < 0 || y >= in.in_height) {
          std::fill_n(row, width, 0.0f);
          continue;
        }
        const int64_t left = std::min(in.pad_left * c, width), length = std::min(in.in_width * c, width - left);
        std::fill_n(row, left, 0.0f);
        std::copy_n(x + (image * in.in_height + y) * in.row_stride, length, row + left);
        std::fill_n(row + left + length, width - left - length, 0.0f);
      }
    });
  }

  ValueId x_, y_;
  Geometry g_;
  const kernels::GemmKernel& kernel_;
  Tensor packed_, zeros_;
  Fused fused_;
  bool padded_;
  int threads_;
  kernels::ConvShape s_;  // as the product sees it: that of the padded copy, where there is one
  int64_t depth_ = 1, block_ = 1, rows_floats_ = 0, padded_floats_ = 0, panels_ = 1, group_floats_ = 0;
};

class DepthwiseStep final : public Step {
 public:
  DepthwiseStep(const LowerNode& node, const Geometry& g, Tensor weight, Tensor zeros, const Fused& fused)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        weight_(std::move(weight)),
        zeros_(std::move(zeros)),
        fused_(fused),
        threads_(std::max(node.threads, 1)),
        table_floats_(round_up(g.shape.taps() * g.shape.out_width * 2, 16)) {}

  Result<void> run(const Bindings& b) const override {
    const float *x = b.f32(x_), *bias = b.f32(fused_.bias);
    float* y = b.f32_mutable(y_);
    const kernels::ConvShape& s = g_.shape;
    const int64_t channels = g_.in_channels(), row = s.out_width * channels;
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, row * s.taps()));
    b.pool->parallel_for(g_.batch * s.out_height, grain, [&](int64_t begin, int64_t end, int worker) {
      auto* rows = reinterpret_cast<const float**>(static_cast<float*>(b.scratch) + worker * table_floats_);
      for (int64_t r = begin; r < end; ++r) {
        const int64_t image = r / s.out_height, line = r % s.out_height;
        kernels::conv_rows(s, x + image * s.in_height * s.row_stride, zeros_.data<float>(), line * s.out_width,
                           s.out_width, rows, s.out_width);
        kernels::depthwise_rows({rows, s.out_width, s.taps(), channels, s.out_width, weight_.data<float>(), bias,
                                 fused_.activation, y + r * row, channels});
      }
    });
    return {};
  }
  std::string kernel() const override { return "depthwise"; }
  int64_t scratch_bytes() const override { return threads_ * table_floats_ * 4; }

 private:
  ValueId x_, y_;
  Geometry g_;
  Tensor weight_, zeros_;
  Fused fused_;
  int threads_;
  int64_t table_floats_;
};

std::optional<Fused> fused_of(const LowerNode& node) {
  const auto activation = fused_activation(node);
  if (!activation) return std::nullopt;
  return Fused{node.in(2), node.in(3), *activation, node.integer("residual_last", 0) != 0};
}

}  // namespace

StepPtr make_conv_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = geometry_of(node);
  const auto fused = fused_of(node);
  if (weight == nullptr || !g || !fused) return nullptr;
  const kernels::ConvShape& s = g->shape;
  const bool padded =
      g->groups == 1 && g->in_per_group <= 8 && s.kernel_width > 1 && s.dilation_x == 1 && s.dilation_y == 1;
  const kernels::GemmKernel& kernel = kernels::gemm_kernel(g->out_per_group);
  auto packed =
      node.weights.get(*weight, fmt::format("conv {} {} {}", kernel.name, g->groups, padded), [&]() -> Result<Tensor> {
        const int64_t floats = kernels::packed_floats(kernel, g->out_per_group, s.taps(), g->in_per_group);
        Tensor all = FOVEA_TRY(Tensor::allocate(DType::f32, {g->groups * floats}));
        for (int64_t group = 0; group < g->groups; ++group) {
          // The weight lies as {out, in, kh, kw}; a panel wants taps outside and channels inside. Neighbours in a row
          // of the kernel follow each other in both layouts of taps, so one order serves both.
          const kernels::PackSource source{
              weight->data<float>() + group * g->out_per_group * g->in_per_group * s.taps(),
              g->out_per_group,
              s.taps(),
              g->in_per_group,
              g->in_per_group * s.taps(),
              1,
              s.taps()};
          kernels::pack_panels(kernel, source, 0, kernels::panel_count(kernel, g->out_per_group),
                               all.mutable_view().as<float>() + group * floats);
        }
        return all;
      });
  auto zeros = Tensor::allocate(DType::f32, {g->in_per_group});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<ConvStep>(node, *g, kernel, std::move(packed).value(), std::move(zeros).value(), *fused,
                                    padded);
}

StepPtr make_depthwise_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = geometry_of(node);
  const auto fused = fused_of(node);
  if (weight == nullptr || !g || !fused || g->in_per_group != 1 || g->out_per_group != 1) return nullptr;
  if (g->groups < 4 || fused->residual != kNoValue) return nullptr;
  const int64_t taps = g->shape.taps(), channels = g->groups;
  auto packed = node.weights.get(*weight, "depthwise", [&]() -> Result<Tensor> {
    Tensor turned = FOVEA_TRY(Tensor::allocate(DType::f32, {taps, channels}));
    auto* to = turned.mutable_view().as<float>();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) to[t * channels + c] = weight->data<float>()[c * taps + t];
    return turned;
  });
  auto zeros = Tensor::allocate(DType::f32, {channels});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<DepthwiseStep>(node, *g, std::move(packed).value(), std::move(zeros).value(), *fused);
}

}  // namespace fovea::cpu
