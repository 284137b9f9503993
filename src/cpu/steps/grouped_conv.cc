// Steps of fovea.Conv whose groups are narrower than a vector: several groups share one (kernels/grouped.h).
//
// The channels of some lines of the image are interleaved as the products want them, the products of a block of groups
// go to a small buffer, and from there to their places.
#include <algorithm>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/steps.h"
#include "kernels/conv_rows.h"
#include "kernels/grouped.h"

namespace fovea::cpu {
namespace {

kernels::GroupShape group_shape(const ConvGeometry& g) {
  return {g.groups, g.in_per_group, g.out_per_group, g.shape.taps()};
}

class GroupedConvStep final : public Step {
 public:
  GroupedConvStep(const LowerNode& node, const ConvGeometry& g, const kernels::GemmKernel& kernel, Tensor packed,
                  Tensor bias, Tensor zeros, const ConvEpilogue& fused)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        kernel_(kernel),
        packed_(std::move(packed)),
        bias_(std::move(bias)),
        zeros_(std::move(zeros)),
        activation_(fused.activation),
        threads_(std::max(node.threads, 1)),
        blocks_(group_shape(g).blocks(kernel.spread)),
        in_block_(g.in_per_group * kernel.spread),
        out_block_(g.out_per_group * kernel.spread),
        block_floats_(kernels::packed_block_floats(kernel, group_shape(g))),
        whole_blocks_(g.groups % kernel.spread == 0),
        in_order_(whole_blocks_ && (kernel.spread == 1 || g.in_per_group == 1)),
        out_order_(whole_blocks_ && (kernel.spread == 1 || g.out_per_group == 1)),
        map_(g.shape) {
    if (!in_order_) {
      map_.pixel_stride = blocks_ * in_block_;
      map_.row_stride = map_.in_width * map_.pixel_stride;
      // Lines at a time: they and what is read and written beside them stay in the L2 cache.
      const int64_t overlap = reach() - map_.stride_y;
      const int64_t fit = (cache_sizes().l2 / 4 / (map_.row_stride * 4) - overlap) / map_.stride_y;
      lines_ = std::clamp<int64_t>(fit, 1, map_.out_height);
      map_floats_ = round_up(std::min(map_.in_height, (lines_ - 1) * map_.stride_y + reach()) * map_.row_stride, 16);
    } else {
      lines_ = map_.out_height;
    }
    constexpr int64_t kTiles = 8;  // whose sums, and the table of their rows, the L1 cache holds
    pixels_ = std::min(lines_ * map_.out_width, kTiles * kernel.rows);
    rows_floats_ = round_up(map_.taps() * pixels_ * 2, 16);  // a pointer is two floats
    sums_floats_ = out_order_ ? 0 : round_up(pixels_ * out_block_, 16);
  }

  Result<void> run(const Bindings& b) const override {
    const int64_t all = g_.batch * map_.out_height;
    const int64_t macs = map_.taps() * map_.out_width * in_block_ * g_.out_per_group;  // of a line of a block
    constexpr int64_t kGrainMacs = 1 << 17;
    const auto grain = [&](int64_t each) { return std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, each)); };
    if (share_rows(all, blocks_, b.pool->size())) {
      b.pool->parallel_for(all, grain(macs * blocks_),
                           [&](int64_t begin, int64_t end, int worker) { lines(b, begin, end, 0, blocks_, worker); });
    } else {
      b.pool->parallel_for(blocks_, grain(macs * all),
                           [&](int64_t begin, int64_t end, int worker) { lines(b, 0, all, begin, end, worker); });
    }
    return {};
  }
  std::string kernel() const override { return kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_floats() * 4; }

 private:
  int64_t worker_floats() const { return map_floats_ + rows_floats_ + sums_floats_; }
  /// Lines that a kernel spans.
  int64_t reach() const { return (map_.kernel_height - 1) * map_.dilation_y + 1; }

  /// Output lines [begin, end) of the batch, blocks [first, last).
  void lines(const Bindings& b, int64_t begin, int64_t end, int64_t first, int64_t last, int worker) const {
    float* map = static_cast<float*>(b.scratch) + worker * worker_floats();
    const kernels::ConvShape& s = g_.shape;
    const kernels::GroupOrder order{g_.groups, g_.in_per_group, kernel_.spread};
    for (int64_t r = begin; r < end;) {
      const int64_t image = r / s.out_height, line = r % s.out_height;
      const int64_t count = std::min({end - r, s.out_height - line, lines_});
      const float* x = b.f32(x_) + image * s.in_height * s.row_stride;
      float* y = b.f32_mutable(y_) + image * s.pixels() * g_.out_channels();
      if (!in_order_) {
        const int64_t from = std::clamp<int64_t>(line * s.stride_y - s.pad_top, 0, s.in_height);
        const int64_t to = std::clamp((line + count - 1) * s.stride_y - s.pad_top + reach(), from, s.in_height);
        kernels::interleave_groups(order, first, last, (to - from) * s.in_width, x + from * s.row_stride,
                                   s.pixel_stride, map, map_.pixel_stride);
        x = map - from * map_.row_stride;
      }
      for (int64_t p = line * s.out_width, stop = (line + count) * s.out_width; p < stop; p += pixels_)
        pixels(x, p, std::min(pixels_, stop - p), first, last, map + map_floats_, y);
      r += count;
    }
  }

  /// `count` output pixels of an image from `pixel` on; scratch: room for the table of rows and for sums.
  void pixels(const float* x, int64_t pixel, int64_t count, int64_t first, int64_t last, float* scratch,
              float* y) const {
    auto* rows = reinterpret_cast<const float**>(scratch);
    float* sums = scratch + rows_floats_;
    const int64_t channels = g_.out_channels();
    y += pixel * channels;
    kernels::conv_rows(map_, x, zeros_.data<float>(), pixel, count, rows, count);
    kernels::GemmTile tile;
    tile.rows = rows;
    tile.row_stride = count;
    tile.taps = map_.taps();
    tile.depth = g_.in_per_group;
    tile.epilogue.activation = activation_;
    for (int64_t block = first; block < last; ++block) {
      tile.offset = block * in_block_;
      tile.c = out_order_ ? y + block * out_block_ : sums;
      tile.c_stride = out_order_ ? channels : out_block_;
      tile.epilogue.bias = bias_.size() > 0 ? bias_.data<float>() + block * out_block_ : nullptr;
      kernels::gemm_block(kernel_, tile, packed_.data<float>() + block * block_floats_, count, out_block_, 0,
                          kernels::panel_count(kernel_, out_block_));
      if (!out_order_)
        kernels::separate_groups({g_.groups, g_.out_per_group, kernel_.spread}, block, count, sums, out_block_, y,
                                 channels);
    }
  }

  ValueId x_, y_;
  ConvGeometry g_;
  const kernels::GemmKernel& kernel_;
  Tensor packed_, bias_, zeros_;
  kernels::Activation activation_;
  int threads_;
  int64_t blocks_, in_block_, out_block_, block_floats_;
  bool whole_blocks_, in_order_, out_order_;  // the latter two: channels lie as the products want them
  kernels::ConvShape map_;                    // of the interleaved image
  int64_t lines_ = 1, pixels_ = 1, map_floats_ = 0, rows_floats_ = 0, sums_floats_ = 0;
};

/// The bias in the order of interleaved channels, empty where there is none.
Result<Tensor> interleaved_bias(const LowerNode& node, const ConvGeometry& g, int64_t spread) {
  if (!node.has(2)) return Tensor::allocate(DType::f32, {0});
  const kernels::GroupOrder order{g.groups, g.out_per_group, spread};
  const int64_t blocks = group_shape(g).blocks(spread), floats = blocks * spread * g.out_per_group;
  const Tensor& bias = *node.constant(2);
  return node.weights.get(bias, fmt::format("grouped bias {} {}", g.groups, spread), {DType::f32, {floats}},
                          [=](void* to) {
                            kernels::interleave_groups(order, 0, blocks, 1, bias.data<float>(), bias.size(),
                                                       static_cast<float*>(to), floats);
                          });
}

}  // namespace

StepPtr make_grouped_conv_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = conv_geometry(node);
  const auto fused = conv_epilogue(node);
  if (weight == nullptr || !g || !fused || g->groups < 2 || fused->residual != kNoValue) return nullptr;
  if (node.has(2) && (node.constant(2) == nullptr || node.constant(2)->size() != g->out_channels())) return nullptr;
  const kernels::GroupShape shape = group_shape(*g);
  const kernels::GemmKernel* kernel = kernels::grouped_kernel(shape);
  if (kernel == nullptr) return nullptr;
  const int64_t blocks = shape.blocks(kernel->spread);
  auto packed = node.weights.get(*weight, fmt::format("grouped {} {}", kernel->name, g->groups),
                                 {DType::f32, {blocks * kernels::packed_block_floats(*kernel, shape)}},
                                 [weight = *weight, kernel, shape](void* to) {
                                   kernels::pack_groups(*kernel, shape, weight.data<float>(), static_cast<float*>(to));
                                 });
  auto bias = interleaved_bias(node, *g, kernel->spread);
  auto zeros = Tensor::allocate(DType::f32, {blocks * kernel->spread * g->in_per_group});
  if (!packed.ok() || !bias.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<GroupedConvStep>(node, *g, *kernel, std::move(packed).value(), std::move(bias).value(),
                                           std::move(zeros).value(), *fused);
}

}  // namespace fovea::cpu
