// Steps of fovea.QMatMul with constant weights and of pointwise fovea.QConv: rows of bytes times panels of bytes. Rows
// that lie densely are read where they are; others are copied for each block.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "cpu/steps/word_run.h"
#include "ops/fovea_q_epilogue.h"

namespace fovea::cpu {
namespace {

using kernels::WordFormat;

class QLinearStep final : public Step {
 public:
  QLinearStep(const LowerNode& node, const RowGrid& grid, const kernels::WordKernel& kernel, QWeights weights,
              QFinish finish, int64_t depth)
      : a_(node.in(0)),
        grid_(grid),
        kernel_(kernel),
        weights_(std::move(weights)),
        finish_(std::move(finish)),
        depth_(depth),
        columns_(node.out_shape().back()),
        rows_(element_count(node.out_shape()) / columns_),
        words_(kernels::tap_words(kernel, depth)),
        wide_(kernel.format != WordFormat::i8),
        dense_(!wide_ && grid.dense(depth) && depth <= kDenseBytes),
        in_place_(dense_ && words_ * 4 == depth),
        stride_(dense_ ? depth : staged_stride(words_)),
        panels_(weights_.panels),
        threads_(std::max(node.threads, 1)) {
    // Two panels share a line of the result, which stays in the L1 cache between them.
    constexpr int64_t kRows = 224;
    block_ = word_block_rows(kernel, rows_, stride_, kRows);
    const int64_t padded = kernels::padded_rows(kernel, block_);
    // Behind the last row, whole words of the panel are read, whose weights are zero there.
    staged_bytes_ = round_up(padded * stride_ + words_ * 4, 64);
    sums_bytes_ = sums_bytes(kernel, block_);
    worker_bytes_ = staged_bytes_ + sums_bytes_ + (weights_.sums_rows() ? round_up(padded * 4, 64) : 0);
  }

  Result<void> run(const Bindings& b) const override {
    const auto* a = static_cast<const uint8_t*>(b.at(a_));
    const QFinish::Bound finish = finish_.bind(b, b.scratch);
    std::byte* room = static_cast<std::byte*>(b.scratch) + finish_.scratch_bytes();
    const auto scratch = [&](int worker) { return room + worker * worker_bytes_; };
    const int64_t tiles = ceil_div(rows_, 16), macs = depth_ * columns_;
    constexpr int64_t kGrainMacs = 1 << 20;  // multiply-adds that are worth a thread
    const WordWork work{.row_parts = tiles,
                        .panels = panels_,
                        .row_bytes = rows_ * depth_,
                        .weight_bytes = panels_ * kernel_.columns * words_ * 4,
                        .result_bytes = rows_ * columns_,
                        .macs = rows_ * macs};
    if (share_word_rows(kernel_, work, b.pool->size())) {
      b.pool->parallel_for(
          tiles, std::max<int64_t>(1, kGrainMacs / (16 * macs)), [&](int64_t begin, int64_t end, int worker) {
            multiply(a, finish, rows_ * begin / tiles, rows_ * end / tiles, 0, panels_, scratch(worker));
          });
    } else {
      const int64_t grain = std::max<int64_t>(1, kGrainMacs * panels_ / (rows_worth(rows_) * macs));
      b.pool->parallel_for(panels_, grain, [&](int64_t begin, int64_t end, int worker) {
        multiply(a, finish, 0, rows_, begin, end, scratch(worker));
      });
    }
    return {};
  }
  std::string kernel() const override { return kernel_.name; }
  int64_t scratch_bytes() const override { return finish_.scratch_bytes() + threads_ * worker_bytes_; }
  // Each element of a residual is read right before its place is written.
  bool may_overwrite(size_t input) const override { return input == 5 && finish_.may_overwrite_residual(); }

 private:
  void multiply(const uint8_t* a, const QFinish::Bound& finish, int64_t begin, int64_t end, int64_t first, int64_t last,
                std::byte* scratch) const {
    static constexpr int64_t kOneTap[] = {0};
    std::byte* sums = scratch + staged_bytes_;
    auto* terms = weights_.sums_rows() ? reinterpret_cast<int32_t*>(sums + sums_bytes_) : nullptr;
    for (int64_t m = begin; m < end; m += block_) {
      const int64_t count = std::min(block_, end - m);
      kernels::WordBlock block;
      block.a = scratch;
      block.a_stride = stride_;
      block.tap_offsets = kOneTap;
      block.words = words_;
      block.rows = count;
      if (in_place_ && m + kernels::padded_rows(kernel_, count) <= rows_)
        block.a = reinterpret_cast<const std::byte*>(a + m * depth_);
      else
        stage(a, m, count, scratch);
      const auto* packed = weights_.packed.data<uint32_t>();
      if (terms != nullptr) sum_rows(kernel_, block, packed, panels_, sums, weights_.row_factor(), terms);
      multiply_words(kernel_, block, packed, columns_, first, last, sums, [&](const PanelSums& made) {
        finish(static_cast<const int32_t*>(made.data), kernel_.columns, m + made.row, made.rows, made.column,
               made.columns, terms ? terms + made.row : nullptr);
      });
    }
  }

  void stage(const uint8_t* a, int64_t first, int64_t count, std::byte* to) const {
    if (dense_) {
      std::memcpy(to, a + grid_.offset(first), static_cast<size_t>(count * depth_));
      std::memset(to + count * depth_, 0, static_cast<size_t>(words_ * 4));
      return;
    }
    for (int64_t i = 0; i < count; ++i, to += stride_) {
      const uint8_t* row = a + grid_.offset(first + i);
      if (!wide_) {
        std::memcpy(to, row, static_cast<size_t>(depth_));
        std::memset(to + depth_, 0, static_cast<size_t>(words_ * 4 - depth_));
      } else {
        auto* numbers = reinterpret_cast<int16_t*>(to);
        std::copy_n(row, depth_, numbers);
        std::fill(numbers + depth_, numbers + words_ * 2, int16_t{0});
      }
    }
  }

  ValueId a_;
  RowGrid grid_;
  const kernels::WordKernel& kernel_;
  QWeights weights_;
  QFinish finish_;
  int64_t depth_, columns_, rows_, words_;
  bool wide_, dense_, in_place_;  // rows of 16-bit numbers; rows as they lie, copied or read where they are
  int64_t stride_, panels_;
  int threads_;
  int64_t block_ = 1, staged_bytes_ = 0, sums_bytes_ = 0, worker_bytes_ = 0;
};

StepPtr make_step_of(const LowerNode& node, const QWeightSource& source, const RowGrid& grid) {
  if (node.has(ops::QEpilogue::kXZeros)) return nullptr;
  const kernels::WordKernel& kernel = kernels::i8_kernel();
  auto weights = pack_q_weights(node, kernel, source);
  if (!weights.ok()) return nullptr;
  auto finish = QFinish::make(node, &*weights);
  if (!finish) return nullptr;
  return std::make_unique<QLinearStep>(node, grid, kernel, std::move(weights).value(), std::move(*finish),
                                       source.depth);
}

}  // namespace

StepPtr make_qlinear_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  if (weight == nullptr || weight->rank() != 2 || node.inputs[0].dtype != DType::u8 || node.shape(0).empty())
    return nullptr;
  const bool transposed = node.integer("transpose_b", 0) != 0;
  QWeightSource source;
  source.weight = weight;
  source.depth = source.packed_depth = weight->shape()[transposed ? 1 : 0];
  source.columns = weight->shape()[transposed ? 0 : 1];
  source.column_stride = transposed ? source.depth : 1;
  source.depth_stride = transposed ? 1 : source.columns;
  const int64_t rows = element_count(node.out_shape()) / source.columns;
  return make_step_of(node, source, {1, rows, 0, 0, source.depth});
}

StepPtr make_qpointwise_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = weight != nullptr && node.inputs[0].dtype == DType::u8 ? conv_sizes(node) : std::nullopt;
  if (!g || g->groups != 1 || g->shape.taps() != 1 || g->shape.pad_top != 0 || g->shape.pad_left != 0) return nullptr;
  const kernels::ConvShape& s = g->shape;
  // Padding behind the image would be seen only by a window that begins there.
  if ((s.out_height - 1) * s.stride_y >= s.in_height || (s.out_width - 1) * s.stride_x >= s.in_width) return nullptr;
  const int64_t channels = g->in_per_group;
  QWeightSource source;
  source.weight = weight;
  source.depth = source.packed_depth = channels;
  source.columns = g->out_per_group;
  source.column_stride = channels;
  return make_step_of(node, source,
                      {s.out_height, s.out_width, s.in_height * s.in_width * channels,
                       s.stride_y * s.in_width * channels, s.stride_x * channels});
}

}  // namespace fovea::cpu
