// Steps of fovea.Conv with products in bf16: the image is rounded into a padded copy once, from which the tiles read
// their rows; sums and all that follows them are f32.
#include <cstring>
#include <vector>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/phased_image.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/steps.h"
#include "cpu/steps/word_run.h"
#include "kernels/finish.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kFewChannels = 8;

/// How the product sees the weight: taps of each slice of a group's channels, and the numbers of each tap.
struct Depth {
  PixelForm form;
  int64_t slices, taps, depth;
};
Depth depth_of(const ConvGeometry& g, const kernels::WordKernel& kernel) {
  const kernels::ConvShape& s = g.shape;
  if (folds_kernel_row(g, kFewChannels))
    return {PixelForm::folded, 1, s.kernel_height, s.kernel_width * g.in_per_group};
  if (!cuts_slices(g, kernel, 2)) return {PixelForm::whole, 1, s.taps(), g.in_per_group};
  const int64_t depth = kernels::kSliceBytes / 2;
  return {PixelForm::sliced, g.in_per_group / depth, s.taps(), depth};
}

class Bf16ConvStep final : public Step {
 public:
  Bf16ConvStep(const LowerNode& node, const ConvGeometry& g, const kernels::WordKernel& kernel, const Depth& depth,
               Tensor packed, const ConvEpilogue& fused)
      : x_(node.in(0)),
        y_(node.out()),
        g_(g),
        kernel_(kernel),
        packed_(std::move(packed)),
        fused_(fused),
        table_(PixelTable::of(node, ops::kConvPixels, DType::bf16)),
        narrow_x_(node.inputs[0].dtype == DType::bf16),
        narrow_residual_(fused.residual != kNoValue && node.inputs[3].dtype == DType::bf16),
        narrow_y_(node.outputs[0].dtype == DType::bf16),
        part_lines_(part_lines(g, 2)),
        form_(depth.form),
        image_(with_lines(g.shape, part_lines_), g.in_channels(), g.groups, 2, form_),
        panels_(kernels::panel_count(kernel, g.out_per_group)),
        group_words_(panels_ * kernels::panel_words(kernel, depth.slices * depth.taps, depth.depth)),
        words_(kernels::tap_words(kernel, depth.depth)),
        threads_(std::max(node.threads, 1)) {
    constexpr int64_t kRows = 1024;  // of a block: each reads all weights again
    lines_ = std::clamp<int64_t>(kRows / image_.pitch(), 1, part_lines_);
    const int64_t rows = rows_of(lines_), padded = kernels::padded_rows(kernel, rows);
    // The last row's last tap is read up to whole words of the panel, whose weights are zero there; rows behind the
    // last are read, and their sums dropped.
    const int64_t behind = words_ * 4 + std::max<int64_t>(padded - rows, kernel.row_group) * image_.row_stride();
    image_bytes_ = round_up(image_.bytes() + behind, 64);
    worker_bytes_ = image_bytes_ + sums_bytes(kernel, rows);
    pixels_.assign(static_cast<size_t>(rows), -1);
    image_.for_pixels(0, rows, [&](int64_t y, int64_t x, int64_t pixels, int64_t i) {
      for (int64_t j = 0; j < pixels; ++j)
        pixels_[static_cast<size_t>(i + j)] = static_cast<int32_t>(y * g.shape.out_width + x + j);
    });
  }

  Result<void> run(const Bindings& b) const override {
    const Operands o = operands(b);
    const auto scratch = [&](int worker) { return static_cast<std::byte*>(b.scratch) + worker * worker_bytes_; };
    const int64_t lines = g_.batch * g_.shape.out_height, all = g_.groups * panels_;
    const int64_t macs = g_.shape.out_width * g_.shape.taps() * g_.in_per_group * g_.out_channels();  // of a line
    constexpr int64_t kGrainMacs = 1 << 19;
    const WordWork work{lines,
                        all,
                        g_.batch * g_.shape.in_height * g_.shape.row_stride * x_bytes(),
                        g_.groups * group_words_ * 4,
                        lines * g_.shape.out_width * g_.out_channels() * (narrow_y_ ? 2 : 4),
                        lines * macs};
    if (share_word_rows(kernel_, work, b.pool->size())) {
      b.pool->parallel_for(lines, std::max<int64_t>(1, kGrainMacs / macs), [&](int64_t begin, int64_t end, int worker) {
        parts(o, begin, end, 0, all, scratch(worker));
      });
    } else {
      const int64_t grain = std::max<int64_t>(1, kGrainMacs * all / (lines * macs));
      b.pool->parallel_for(
          all, grain, [&](int64_t begin, int64_t end, int worker) { parts(o, 0, lines, begin, end, scratch(worker)); });
    }
    return {};
  }
  std::string kernel() const override { return std::string("conv_") + kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_bytes_; }
  bool may_overwrite(size_t input) const override { return fused_.residual != kNoValue && input == 3; }

 private:
  struct Operands {
    const std::byte* x;
    const float* bias;
    kernels::RowsIn residual;
    kernels::RowsOut y;
  };
  Operands operands(const Bindings& b) const {
    return {static_cast<const std::byte*>(b.at(x_)),
            b.f32(fused_.bias),
            rows_in(b, fused_.residual, g_.out_channels(), narrow_residual_),
            {static_cast<std::byte*>(b.at_mutable(y_)), g_.out_channels(), narrow_y_}};
  }

  int64_t x_bytes() const { return table_ ? 1 : narrow_x_ ? 2 : 4; }  // of a number
  int64_t rows_of(int64_t lines) const { return (lines - 1) * image_.pitch() + g_.shape.out_width; }

  /// Output lines [begin, end) of the batch, panels [first, last) counted through the groups.
  void parts(const Operands& o, int64_t begin, int64_t end, int64_t first, int64_t last, std::byte* scratch) const {
    const int64_t height = g_.shape.out_height;
    std::byte* sums = scratch + image_bytes_;
    std::fill_n(scratch + image_.bytes(), image_bytes_ - image_.bytes(), std::byte{0});
    for (int64_t line = begin; line < end;) {
      const int64_t in_image = line % height, count = std::min({part_lines_, end - line, height - in_image});
      copy_part(o.x, line / height, in_image, scratch);
      // Lines of nearly equal blocks.
      const int64_t blocks = ceil_div(count, lines_);
      for (int64_t i = 0; i < blocks; ++i) {
        const int64_t from = count * i / blocks, to = count * (i + 1) / blocks;
        multiply(o, scratch + from * image_.pitch() * image_.row_stride(), line + from, to - from, first, last, sums);
      }
      line += count;
    }
  }

  void copy_part(const std::byte* x, int64_t image, int64_t first, std::byte* to) const {
    const kernels::ConvShape& s = g_.shape;
    const int64_t channels = g_.in_channels(), bytes = x_bytes();
    const std::byte* from = x + image * s.in_height * s.in_width * channels * bytes;
    image_.fill(
        first, to, [&](std::byte* line, int64_t n) { std::memset(line, 0, static_cast<size_t>(n)); },
        [&](int64_t y, int64_t column, std::byte* line, int64_t pixels, int64_t step) {
          const std::byte* at = from + (y * s.in_width + column) * channels * bytes;
          if (table_)
            table_->copy(reinterpret_cast<const uint8_t*>(at), pixels, line);
          else if (step == 1 && form_ != PixelForm::sliced)
            copy_numbers(at, pixels * channels, line);
          else if (narrow_x_ && form_ == PixelForm::sliced)
            kernels::cut_slices(at, pixels, step * channels * 2, image_.slices(), image_.slice_stride(), line);
          else
            for (int64_t i = 0; i < pixels; ++i) copy_pixel(at + i * step * channels * bytes, i, line);
        });
  }

  /// One pixel to pixel `i` of a line of the copy.
  void copy_pixel(const std::byte* x, int64_t i, std::byte* line) const {
    const int64_t channels = g_.in_channels(), slices = image_.slices(), count = channels / slices;
    for (int64_t slice = 0; slice < slices; ++slice)
      copy_numbers(x + slice * count * (narrow_x_ ? 2 : 4), count,
                   line + i * count * 2 + slice * image_.slice_stride());
  }
  void copy_numbers(const std::byte* x, int64_t n, std::byte* to) const {
    if (narrow_x_)
      std::memcpy(to, x, static_cast<size_t>(n * 2));
    else
      kernel_.narrow(reinterpret_cast<const float*>(x), n, reinterpret_cast<bf16*>(to));
  }

  /// `count` output lines from `line` of the batch on, whose copy of the image begins at `a`.
  void multiply(const Operands& o, const std::byte* a, int64_t line, int64_t count, int64_t first, int64_t last,
                std::byte* sums) const {
    kernels::WordBlock block;
    block.a_stride = image_.row_stride();
    block.tap_offsets = image_.tap_offsets().data();
    block.taps = static_cast<int64_t>(image_.tap_offsets().size());
    block.words = words_;
    block.rows = rows_of(count);
    kernels::WordEnd end;
    end.finish.residual_last = fused_.residual_last;
    end.finish.activation = fused_.activation;
    end.columns = g_.out_per_group;
    end.rows = pixels_.data();
    const int64_t row = line * g_.shape.out_width;
    for (int64_t p = first; p < last;) {
      const int64_t group = p / panels_, p0 = p % panels_, p1 = std::min(panels_, p0 + last - p);
      const int64_t column = group * g_.out_per_group;
      block.a = a + group * image_.group_stride();
      end.finish.bias = o.bias ? o.bias + column : nullptr;
      end.finish.residual = o.residual.at(row, column);
      end.y = o.y.at(row, column);
      multiply_words(kernel_, block, packed_.data<uint32_t>() + group * group_words_, p0, p1, sums, end);
      p += p1 - p0;
    }
  }

  ValueId x_, y_;
  ConvGeometry g_;
  const kernels::WordKernel& kernel_;
  Tensor packed_;
  ConvEpilogue fused_;
  std::optional<PixelTable> table_;
  bool narrow_x_, narrow_residual_, narrow_y_;
  int64_t part_lines_;
  PixelForm form_;
  PhasedImage image_;            // of a part
  std::vector<int32_t> pixels_;  // of a block: which pixel of the output a row makes, if any
  int64_t panels_, group_words_, words_;
  int threads_;
  int64_t lines_ = 1, image_bytes_ = 0, worker_bytes_ = 0;
};

bool suits(const LowerNode& node) {
  const kernels::WordKernel* kernel = kernels::bf16_kernel();
  const auto g = conv_geometry(as_f32(node));
  if (kernel == nullptr || node.constant(1) == nullptr || !g || !conv_epilogue(node) || g->in_per_group == 1 ||
      (node.has(ops::kConvPixels) &&
       (node.constant(ops::kConvPixels) == nullptr || !folds_kernel_row(*g, kFewChannels))))
    return false;
  // Vectors of bf16 are at most twice as fast as those of f32; filtering needs a quarter of the products.
  constexpr double kVectorSpeed = 2;
  const bool tiles = kernel->row_group > 1;
  return tiles || !winograd_beats(node, *g, kVectorSpeed);
}

}  // namespace

NarrowPorts bf16_conv_ports(const LowerNode& node) {
  if (!suits(node)) return {};
  const uint32_t image = node.has(ops::kConvPixels) ? 0 : 0b1;
  return {node.has(3) ? image | 0b1000u : image, true};
}

StepPtr make_bf16_conv_step(const LowerNode& node) {
  const kernels::WordKernel* kernel = kernels::bf16_kernel();
  if (node.precision != Precision::bf16 || kernel == nullptr || !suits(node)) return nullptr;
  const Tensor* weight = node.constant(1);
  const auto g = conv_geometry(as_f32(node));
  const auto fused = conv_epilogue(node);
  if (StepPtr step = make_bf16_pointwise_step(node, *g, *fused)) return step;
  const Depth d = depth_of(*g, *kernel);
  const int64_t panels = kernels::panel_count(*kernel, g->out_per_group);
  const int64_t words = panels * kernels::panel_words(*kernel, d.slices * d.taps, d.depth);
  auto packed = node.weights.get(
      *weight, fmt::format("conv {} {} {} {}", kernel->name, g->groups, d.slices, d.taps),
      {DType::u32, {g->groups * words}}, [kernel, panels, words, d, g = *g, weight = *weight](void* packed_words) {
        // {out, in, kh, kw} as {out, slices, taps, depth}: then a tap's numbers follow each other, folded or not.
        const int64_t out = g.out_channels(), in = g.in_per_group, taps = g.shape.taps(), count = in / d.slices;
        std::vector<float> turned(static_cast<size_t>(out * taps * in));
        float* to = turned.data();
        for (int64_t n = 0; n < out; ++n)
          for (int64_t s = 0; s < d.slices; ++s)
            for (int64_t t = 0; t < taps; ++t)
              for (int64_t c = 0; c < count; ++c) *to++ = weight.data<float>()[(n * in + s * count + c) * taps + t];
        for (int64_t group = 0; group < g.groups; ++group) {
          const kernels::WordSource<float> source{turned.data() + group * g.out_per_group * taps * in,
                                                  g.out_per_group,
                                                  d.slices * d.taps,
                                                  d.depth,
                                                  taps * in,
                                                  d.depth,
                                                  1};
          kernels::pack_words(*kernel, source, 0, panels, static_cast<uint32_t*>(packed_words) + group * words);
        }
      });
  if (!packed.ok()) return nullptr;
  return std::make_unique<Bf16ConvStep>(node, *g, *kernel, d, std::move(packed).value(), *fused);
}

}  // namespace fovea::cpu
