// Steps of fovea.QConv: the bytes of the image are copied with their padding, and tiles read their rows from the copy.
#include <cstring>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/phased_image.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "cpu/steps/word_run.h"

namespace fovea::cpu {
namespace {

using kernels::WordFormat;

/// Kernels of few channels: a line of the kernel makes one tap, so that less of its words is padding.
constexpr int64_t kFewChannels = 16;

bool folds_kernel_row(const ConvGeometry& g) {
  return g.groups == 1 && g.in_per_group <= kFewChannels && g.shape.dilation_x == 1 && g.shape.kernel_width > 1;
}

class QConvStep final : public Step {
 public:
  QConvStep(const LowerNode& node, const ConvGeometry& g, const kernels::WordKernel& kernel, QWeights weights,
            QFinish finish, int64_t packed_depth)
      : x_(node.in(0)),
        g_(g),
        kernel_(kernel),
        weights_(std::move(weights)),
        finish_(std::move(finish)),
        padding_(static_cast<uint8_t>(node.integer("x_zero", 0))),
        number_bytes_(kernel.format == WordFormat::i8 ? 1 : 2),
        image_(g.shape, g.in_channels(), number_bytes_, folds_kernel_row(g)),
        panels_(weights_.panels),
        words_(kernels::tap_words(kernel, packed_depth)),
        // The last row's last tap is read up to whole words of the panel, whose weights are zero there.
        images_bytes_(round_up(g.batch * image_.bytes() + words_ * 4, 64)),
        threads_(std::max(node.threads, 1)) {
    constexpr int64_t kRows = 256;  // of a block: their sums are 32 KB
    lines_ = std::clamp<int64_t>(kRows / image_.pitch(), 1, g.shape.out_height);
    sums_bytes_ = round_up(rows_of(lines_), 16) * kernel.columns * 4;
    worker_bytes_ = sums_bytes_ + (weights_.sums_rows() ? round_up(rows_of(lines_) * 4, 64) : 0);
  }

  Result<void> run(const Bindings& b) const override {
    auto* images = static_cast<std::byte*>(b.scratch);
    const QFinish::Bound finish = finish_.bind(b);
    copy_images(static_cast<const uint8_t*>(b.at(x_)), images, *b.pool);
    const auto sums = [&](int worker) { return images + images_bytes_ + worker * worker_bytes_; };
    const int64_t lines = g_.batch * g_.shape.out_height, all = g_.groups * panels_;
    const int64_t macs = g_.shape.out_width * g_.shape.taps() * g_.in_per_group * g_.out_channels();  // of a line
    constexpr int64_t kGrainMacs = 1 << 20;
    if (share_rows(lines, all, b.pool->size())) {
      b.pool->parallel_for(lines, std::max<int64_t>(1, kGrainMacs / macs), [&](int64_t begin, int64_t end, int worker) {
        multiply(finish, images, begin, end, 0, all, sums(worker));
      });
    } else {
      const int64_t grain = std::max<int64_t>(1, kGrainMacs * all / (lines * macs));
      b.pool->parallel_for(all, grain, [&](int64_t begin, int64_t end, int worker) {
        multiply(finish, images, 0, lines, begin, end, sums(worker));
      });
    }
    return {};
  }
  std::string kernel() const override { return std::string("conv_") + kernel_.name; }
  int64_t scratch_bytes() const override { return images_bytes_ + threads_ * worker_bytes_; }
  bool may_overwrite(size_t input) const override { return input == 5 && finish_.may_overwrite_residual(); }

 private:
  int64_t rows_of(int64_t lines) const { return (lines - 1) * image_.pitch() + g_.shape.out_width; }

  void copy_images(const uint8_t* x, std::byte* images, ThreadPool& pool) const {
    const int64_t channels = g_.in_channels(), lines = image_.lines();
    const int64_t in_bytes = g_.shape.in_height * g_.shape.in_width * channels;
    std::fill_n(images + g_.batch * image_.bytes(), images_bytes_ - g_.batch * image_.bytes(), std::byte{0});
    const bool bytes = number_bytes_ == 1;
    pool.parallel_for(g_.batch * lines, 8, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const uint8_t* from = x + i / lines * in_bytes;
        image_.fill(
            i % lines, images + i / lines * image_.bytes(),
            [&](std::byte* to, int64_t pixels) {
              if (bytes)
                std::memset(to, padding_, static_cast<size_t>(pixels * channels));
              else
                std::fill_n(reinterpret_cast<int16_t*>(to), pixels * channels, int16_t{padding_});
            },
            [&](int64_t y, int64_t column, std::byte* to, int64_t pixels) {
              const uint8_t* row = from + (y * g_.shape.in_width + column) * channels;
              if (bytes)
                std::memcpy(to, row, static_cast<size_t>(pixels * channels));
              else
                std::copy_n(row, pixels * channels, reinterpret_cast<int16_t*>(to));
            });
      }
    });
  }

  /// Output lines [begin, end) of the batch, panels [first, last) counted through the groups.
  void multiply(const QFinish::Bound& finish, const std::byte* images, int64_t begin, int64_t end, int64_t first,
                int64_t last, std::byte* sums) const {
    const int64_t height = g_.shape.out_height, width = g_.shape.out_width;
    auto* terms = weights_.sums_rows() ? reinterpret_cast<int32_t*>(sums + sums_bytes_) : nullptr;
    for (int64_t line = begin; line < end;) {
      const int64_t image = line / height, in_image = line % height;
      const int64_t count = std::min({lines_, end - line, height - in_image});
      kernels::WordBlock block;
      block.a_stride = image_.row_stride();
      block.tap_offsets = image_.tap_offsets().data();
      block.taps = static_cast<int64_t>(image_.tap_offsets().size());
      block.words = words_;
      block.rows = rows_of(count);
      const std::byte* a = images + image * image_.bytes() + in_image * image_.pitch() * image_.row_stride();
      for (int64_t p = first; p < last;) {
        const int64_t group = p / panels_, p0 = p % panels_, p1 = std::min(panels_, p0 + last - p);
        block.a = a + group * g_.in_per_group * number_bytes_;
        const auto* packed = weights_.packed.data<uint32_t>() + group * weights_.group_words;
        if (terms != nullptr)
          multiply_words(kernel_, block, packed, g_.out_per_group, panels_, panels_ + 1, sums,
                         [&](int64_t, int64_t, const void* made) {
                           row_terms_of(static_cast<const int32_t*>(made), kernel_.columns, block.rows,
                                        -weights_.w_zero, terms);
                         });
        multiply_words(kernel_, block, packed, g_.out_per_group, p0, p1, sums,
                       [&](int64_t column, int64_t columns, const void* made) {
                         for (int64_t i = 0; i < count; ++i) {
                           const int64_t row = i * image_.pitch();
                           finish(static_cast<const int32_t*>(made) + row * kernel_.columns, kernel_.columns,
                                  (line + i) * width, width, group * g_.out_per_group + column, columns,
                                  terms != nullptr ? terms + row : nullptr);
                         }
                       });
        p += p1 - p0;
      }
      line += count;
    }
  }

  ValueId x_;
  ConvGeometry g_;
  const kernels::WordKernel& kernel_;
  QWeights weights_;
  QFinish finish_;
  uint8_t padding_;
  int64_t number_bytes_;
  PhasedImage image_;
  int64_t panels_, words_, images_bytes_;
  int threads_;
  int64_t lines_ = 1, sums_bytes_ = 0, worker_bytes_ = 0;
};

}  // namespace

StepPtr make_qconv_step(const LowerNode& node) {
  if (StepPtr step = make_qpointwise_step(node)) return step;
  const Tensor* weight = node.constant(1);
  const auto g = weight != nullptr && node.inputs[0].dtype == DType::u8 ? conv_sizes(node) : std::nullopt;
  const int64_t x_zero = node.integer("x_zero", 0);
  if (!g || x_zero < 0 || x_zero > 255) return nullptr;
  const kernels::WordKernel& kernel = kernels::i8_kernel();
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
  source.packed_taps = folds_kernel_row(*g) ? g->shape.kernel_height : taps;
  source.packed_depth = folds_kernel_row(*g) ? g->shape.kernel_width * depth : depth;
  auto weights = pack_q_weights(node, kernel, source);
  if (!weights.ok()) return nullptr;
  auto finish = QFinish::make(node, &weights->correction);
  if (!finish) return nullptr;
  return std::make_unique<QConvStep>(node, *g, kernel, std::move(weights).value(), std::move(*finish),
                                     source.packed_depth);
}

}  // namespace fovea::cpu
