// Steps of fovea.Conv as matrix products over row pointers.

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/steps.h"
#include "kernels/conv_rows.h"
#include "kernels/gemm.h"

namespace fovea::cpu {
namespace {

class ConvStep final : public Step {
 public:
  ConvStep(const LowerNode& node, const ConvGeometry& g, const kernels::GemmKernel& kernel, Tensor packed, Tensor zeros,
           const ConvEpilogue& fused, bool padded, Split split)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        kernel_(kernel),
        packed_(std::move(packed)),
        zeros_(std::move(zeros)),
        fused_(fused),
        table_(PixelTable::of(node, ops::kConvPixels, DType::f32)),
        padded_(padded),
        split_(split),
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
    block_ = kernels::block_rows(kernel_, g.batch * s_.pixels(), s_.taps(), depth_);
    rows_floats_ = round_up(s_.taps() * block_ * 2, 16);  // a pointer is two floats
    panels_ = kernels::panel_count(kernel_, g.out_per_group);
    group_floats_ = kernels::packed_floats(kernel_, g.out_per_group, s_.taps(), depth_);
  }

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    auto* scratch = static_cast<float*>(b.scratch);
    if (padded_) {
      pad(b.at(x_), scratch, *b.pool);
      x = scratch;
    }
    Operands o{x, b.f32(fused_.bias), b.f32(fused_.residual), b.f32_mutable(y_)};
    const auto table = [&](int worker) {
      return reinterpret_cast<const float**>(scratch + padded_floats_ + worker * rows_floats_);
    };
    const int64_t total = g_.batch * s_.pixels(), tiles = ceil_div(total, kernel_.rows);
    const int64_t macs = s_.taps() * depth_ * g_.out_channels();
    constexpr int64_t kGrainMacs = 1 << 17;
    if (share_rows(split_, tiles, g_.groups * panels_, b.pool->size())) {
      b.pool->parallel_for(
          tiles, std::max<int64_t>(1, kGrainMacs / (macs * kernel_.rows)), [&](int64_t begin, int64_t end, int worker) {
            pixels(o, table(worker), total * begin / tiles, total * end / tiles, 0, g_.groups * panels_);
          });
    } else {
      const int64_t all = g_.groups * panels_;
      b.pool->parallel_for(
          all, std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, macs * rows_worth(total) / all)),
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
      kernels::conv_rows(s_, x, zeros_.data<float>(), in_image, count, rows, count);
      for (int64_t p = first; p < last;) {
        const int64_t group = p / panels_, p0 = p % panels_, p1 = std::min(panels_, p0 + last - p);
        const int64_t column = group * g_.out_per_group;
        kernels::GemmTile tile;
        tile.rows = rows;
        tile.row_stride = count;
        tile.taps = s_.taps();
        tile.depth = depth_;
        tile.offset = group * g_.in_per_group;
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

  void pad(const void* x, float* to, ThreadPool& pool) const {
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
        const int64_t from = (image * in.in_height + y) * in.row_stride;
        if (table_)
          table_->copy(static_cast<const uint8_t*>(x) + from, length / c, row + left);
        else
          std::copy_n(static_cast<const float*>(x) + from, length, row + left);
        std::fill_n(row + left + length, width - left - length, 0.0f);
      }
    });
  }

  ValueId x_, y_;
  ConvGeometry g_;
  const kernels::GemmKernel& kernel_;
  Tensor packed_, zeros_;
  ConvEpilogue fused_;
  std::optional<PixelTable> table_;
  bool padded_;
  Split split_;
  int threads_;
  kernels::ConvShape s_;  // as the product sees it: that of the padded copy, where there is one
  int64_t depth_ = 1, block_ = 1, rows_floats_ = 0, padded_floats_ = 0, panels_ = 1, group_floats_ = 0;
};

StepPtr make_direct_step(const LowerNode& node, const kernels::GemmKernel& kernel, Split split) {
  const Tensor* weight = node.constant(1);
  const auto g = conv_geometry(node);
  const auto fused = conv_epilogue(node);
  if (weight == nullptr || !g || !fused) return nullptr;
  const kernels::ConvShape& s = g->shape;
  const bool padded =
      g->groups == 1 && g->in_per_group <= 8 && s.kernel_width > 1 && s.dilation_x == 1 && s.dilation_y == 1;
  if (node.has(ops::kConvPixels) && (!padded || node.constant(ops::kConvPixels) == nullptr)) return nullptr;
  const int64_t floats = kernels::packed_floats(kernel, g->out_per_group, s.taps(), g->in_per_group);
  auto packed = node.weights.get(
      *weight, fmt::format("conv {} {} {}", kernel.name, g->groups, padded), {DType::f32, {g->groups * floats}},
      [weight = *weight, &kernel, g = *g, taps = s.taps(), floats](void* to) {
        for (int64_t group = 0; group < g.groups; ++group) {
          // The weight lies as {out, in, kh, kw}; a panel wants taps outside and channels inside. Neighbours in a row
          // of the kernel follow each other in both layouts of taps, so one order serves both.
          const kernels::PackSource source{weight.data<float>() + group * g.out_per_group * g.in_per_group * taps,
                                           g.out_per_group,
                                           taps,
                                           g.in_per_group,
                                           g.in_per_group * taps,
                                           1,
                                           taps};
          kernels::pack_panels(kernel, source, 0, kernels::panel_count(kernel, g.out_per_group),
                               static_cast<float*>(to) + group * floats);
        }
      });
  auto zeros = Tensor::allocate(DType::f32, {g->in_channels()});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<ConvStep>(node, *g, kernel, std::move(packed).value(), std::move(zeros).value(), *fused,
                                    padded, split);
}

}  // namespace

std::vector<Candidate> direct_candidates(const LowerNode& node, const ConvGeometry& g) {
  const kernels::GemmKernel& usual = kernels::gemm_kernel(g.out_per_group);
  std::vector<Candidate> ways;
  const auto add = [&](const kernels::GemmKernel& kernel, Split split, std::string_view suffix) {
    ways.push_back({fmt::format("direct {}{}", kernel.name, suffix),
                    [&kernel, split](const LowerNode& n) { return make_direct_step(n, kernel, split); }});
  };
  add(usual, Split::best, "");
  if (node.tuning == nullptr || g.groups > 1) return ways;
  add_other_ways(usual, g.batch * g.shape.pixels(), g.out_per_group, node.threads, add);
  return ways;
}

}  // namespace fovea::cpu
