// Steps of fovea.QConv: the bytes of the image are copied with their padding, and tiles read their rows from the copy.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/phased_image.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "cpu/steps/word_run.h"
#include "ops/fovea_q_epilogue.h"

namespace fovea::cpu {
namespace {

using kernels::WordFormat;

/// Up to so many channels a line of the kernel is one tap: those of this convolution, where fewer words are padding
/// then.
int64_t few_channels(const ConvGeometry& g, const kernels::WordKernel& kernel) {
  constexpr int64_t kFewChannels = 16;
  const int64_t width = g.shape.kernel_width, depth = g.in_per_group;
  const bool gains = kernels::tap_words(kernel, width * depth) < width * kernels::tap_words(kernel, depth);
  return gains ? std::max(depth, kFewChannels) : kFewChannels;
}

class QConvStep final : public Step {
 public:
  QConvStep(const LowerNode& node, const ConvGeometry& g, const kernels::WordKernel& kernel, QWeights weights,
            QFinish finish, PixelForm form, int64_t packed_depth)
      : x_(node.in(0)),
        g_(g),
        kernel_(kernel),
        weights_(std::move(weights)),
        finish_(std::move(finish)),
        number_bytes_(kernel.format == WordFormat::i8 ? 1 : 2),
        table_(PixelTable::of(node, ops::QEpilogue::kPixels, number_bytes_ == 1 ? DType::u8 : DType::i16)),
        part_lines_(part_lines(g, number_bytes_)),
        form_(form),
        image_(with_lines(g.shape, part_lines_), g.in_channels(), g.groups, number_bytes_, form),
        panels_(weights_.panels),
        words_(kernels::tap_words(kernel, packed_depth)),
        threads_(std::max(node.threads, 1)) {
    constexpr int64_t kRows = 1024;  // of a block: each reads all weights again
    lines_ = std::clamp<int64_t>(kRows / image_.pitch(), 1, part_lines_);
    const int64_t rows = rows_of(lines_), padded = kernels::padded_rows(kernel, rows);
    // The last row's last tap is read up to whole words of the panel, whose weights are zero there; rows behind the
    // last are read, and their sums dropped.
    const int64_t behind = words_ * 4 + std::max<int64_t>(padded - rows, kernel.row_group) * image_.row_stride();
    image_bytes_ = round_up(image_.bytes() + behind, 64);
    sums_bytes_ = sums_bytes(kernel, rows);
    worker_bytes_ = image_bytes_ + sums_bytes_ + (weights_.sums_rows() ? round_up(padded * 4, 64) : 0);
  }

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const uint8_t*>(b.at(x_));
    const QFinish::Bound finish = finish_.bind(b, b.scratch);
    const auto padding = static_cast<uint8_t>(finish_.x_zero(b));
    std::byte* room = static_cast<std::byte*>(b.scratch) + finish_.scratch_bytes();
    const auto scratch = [&](int worker) { return room + worker * worker_bytes_; };
    const int64_t lines = g_.batch * g_.shape.out_height, all = g_.groups * panels_;
    const int64_t macs = g_.shape.out_width * g_.shape.taps() * g_.in_per_group * g_.out_channels();  // of a line
    constexpr int64_t kGrainMacs = 1 << 20;
    const WordWork work{.row_parts = lines,
                        .panels = all,
                        .row_bytes = g_.batch * g_.shape.in_height * g_.shape.row_stride,
                        .weight_bytes = g_.groups * weights_.group_words * 4,
                        .result_bytes = lines * g_.shape.out_width * g_.out_channels(),
                        .macs = lines * macs};
    if (share_word_rows(kernel_, work, b.pool->size())) {
      b.pool->parallel_for(lines, std::max<int64_t>(1, kGrainMacs / macs), [&](int64_t begin, int64_t end, int worker) {
        parts({x, padding}, finish, begin, end, 0, all, scratch(worker));
      });
    } else {
      const int64_t grain = std::max<int64_t>(1, kGrainMacs * all / (lines * macs));
      b.pool->parallel_for(all, grain, [&](int64_t begin, int64_t end, int worker) {
        parts({x, padding}, finish, 0, lines, begin, end, scratch(worker));
      });
    }
    return {};
  }
  std::string kernel() const override { return std::string("conv_") + kernel_.name; }
  int64_t scratch_bytes() const override { return finish_.scratch_bytes() + threads_ * worker_bytes_; }
  bool may_overwrite(size_t input) const override { return input == 5 && finish_.may_overwrite_residual(); }

 private:
  struct Image {
    const uint8_t* bytes;
    uint8_t padding;  // what stands for 0
  };

  int64_t rows_of(int64_t lines) const { return (lines - 1) * image_.pitch() + g_.shape.out_width; }

  /// Output lines [begin, end) of the batch, panels [first, last) counted through the groups.
  void parts(const Image& x, const QFinish::Bound& finish, int64_t begin, int64_t end, int64_t first, int64_t last,
             std::byte* scratch) const {
    const int64_t height = g_.shape.out_height;
    std::fill_n(scratch + image_.bytes(), image_bytes_ - image_.bytes(), std::byte{0});
    for (int64_t line = begin; line < end;) {
      const int64_t in_image = line % height, count = std::min({part_lines_, end - line, height - in_image});
      copy_part(x, line / height, in_image, scratch);
      // Lines of nearly equal blocks.
      const int64_t blocks = ceil_div(count, lines_);
      for (int64_t i = 0; i < blocks; ++i) {
        const int64_t from = count * i / blocks, to = count * (i + 1) / blocks;
        multiply(finish, scratch + from * image_.pitch() * image_.row_stride(), line + from, to - from, first, last,
                 scratch + image_bytes_);
      }
      line += count;
    }
  }

  void copy_part(const Image& x, int64_t image, int64_t first, std::byte* to) const {
    const int64_t channels = g_.in_channels();
    const uint8_t* from = x.bytes + image * g_.shape.in_height * g_.shape.in_width * channels;
    const bool bytes = number_bytes_ == 1;
    image_.fill(
        first, to,
        [&](std::byte* line, int64_t n) {
          if (bytes)
            std::memset(line, x.padding, static_cast<size_t>(n));
          else
            std::fill_n(reinterpret_cast<int16_t*>(line), n / 2, int16_t{x.padding});
        },
        [&](int64_t y, int64_t column, std::byte* line, int64_t pixels, int64_t step) {
          const uint8_t* row = from + (y * g_.shape.in_width + column) * channels;
          if (table_) return table_->copy(row, pixels, line);
          if (form_ == PixelForm::sliced)
            return kernels::cut_slices(reinterpret_cast<const std::byte*>(row), pixels, step * channels,
                                       image_.slices(), image_.slice_stride(), line);
          const int64_t count = step == 1 ? pixels : 1;
          for (int64_t i = 0; i < pixels; i += count, row += step * channels, line += channels * number_bytes_) {
            if (bytes)
              std::memcpy(line, row, static_cast<size_t>(count * channels));
            else
              std::copy_n(row, count * channels, reinterpret_cast<int16_t*>(line));
          }
        });
  }

  /// `count` output lines from `line` of the batch on, whose copy of the image begins at `a`.
  void multiply(const QFinish::Bound& finish, const std::byte* a, int64_t line, int64_t count, int64_t first,
                int64_t last, std::byte* sums) const {
    const int64_t width = g_.shape.out_width;
    auto* terms = weights_.sums_rows() ? reinterpret_cast<int32_t*>(sums + sums_bytes_) : nullptr;
    kernels::WordBlock block;
    block.a_stride = image_.row_stride();
    block.tap_offsets = image_.tap_offsets().data();
    block.taps = static_cast<int64_t>(image_.tap_offsets().size());
    block.words = words_;
    block.rows = rows_of(count);
    for (int64_t p = first; p < last;) {
      const int64_t group = p / panels_, p0 = p % panels_, p1 = std::min(panels_, p0 + last - p);
      block.a = a + group * image_.group_stride();
      const auto* packed = weights_.packed.data<uint32_t>() + group * weights_.group_words;
      if (terms != nullptr) sum_rows(kernel_, block, packed, panels_, sums, weights_.row_factor(), terms);
      multiply_words(kernel_, block, packed, g_.out_per_group, p0, p1, sums, [&](const PanelSums& made) {
        image_.for_pixels(made.row, made.rows, [&](int64_t y, int64_t x, int64_t pixels, int64_t i) {
          finish(static_cast<const int32_t*>(made.data) + i * kernel_.columns, kernel_.columns, (line + y) * width + x,
                 pixels, group * g_.out_per_group + made.column, made.columns, terms ? terms + made.row + i : nullptr);
        });
      });
      p += p1 - p0;
    }
  }

  ValueId x_;
  ConvGeometry g_;
  const kernels::WordKernel& kernel_;
  QWeights weights_;
  QFinish finish_;
  int64_t number_bytes_;
  std::optional<PixelTable> table_;
  int64_t part_lines_;
  PixelForm form_;
  PhasedImage image_;
  int64_t panels_, words_;
  int threads_;
  int64_t lines_ = 1, image_bytes_ = 0, sums_bytes_ = 0, worker_bytes_ = 0;
};

}  // namespace

StepPtr make_qconv_step(const LowerNode& node) {
  if (StepPtr step = make_qpointwise_step(node)) return step;
  const Tensor* weight = node.constant(1);
  const auto g = weight != nullptr && node.inputs[0].dtype == DType::u8 ? conv_sizes(node) : std::nullopt;
  const int64_t x_zero = node.integer("x_zero", 0);
  const kernels::WordKernel& kernel = kernels::i8_kernel();
  constexpr size_t kPixels = ops::QEpilogue::kPixels;
  if (!g || x_zero < 0 || x_zero > 255 || node.has(ops::QEpilogue::kXZeros) ||
      (node.has(kPixels) && (node.constant(kPixels) == nullptr || !folds_kernel_row(*g, few_channels(*g, kernel)))))
    return nullptr;
  const int64_t taps = g->shape.taps(), depth = g->in_per_group;
  QWeightSource source;
  source.weight = weight;
  source.groups = g->groups;
  source.columns = g->out_per_group;
  source.taps = taps;
  source.depth = depth;
  source.group_stride = g->out_per_group * depth * taps;
  source.column_stride = depth * taps;
  source.tap_stride = 1;
  source.depth_stride = taps;
  source.packed_taps = taps;
  source.packed_depth = depth;
  PixelForm form = PixelForm::whole;
  if (folds_kernel_row(*g, few_channels(*g, kernel))) {
    form = PixelForm::folded;
    source.packed_taps = g->shape.kernel_height;
    source.packed_depth = g->shape.kernel_width * depth;
  } else if (cuts_slices(*g, kernel, 1)) {
    form = PixelForm::sliced;
    source.packed_depth = kernels::kSliceBytes;
    source.slices = depth / kernels::kSliceBytes;
    source.packed_taps = taps * source.slices;
  }
  auto weights = pack_q_weights(node, kernel, source);
  if (!weights.ok()) return nullptr;
  auto finish = QFinish::make(node, &*weights);
  if (!finish) return nullptr;
  return std::make_unique<QConvStep>(node, *g, kernel, std::move(weights).value(), std::move(*finish), form,
                                     source.packed_depth);
}

}  // namespace fovea::cpu
