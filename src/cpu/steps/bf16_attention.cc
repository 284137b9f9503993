// The step of fovea.Attention with products in bf16; softmax and sums are f32. For each head K and V are packed once;
// a block of query rows goes through both products while its scores are in the cache. Threads share out (head, block)
// pairs; one whose part begins within a head packs that head for itself.
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "cpu/steps/attention_rows.h"
#include "cpu/steps/steps.h"
#include "cpu/steps/word_run.h"
#include "kernels/attention.h"
#include "kernels/layout.h"
#include "kernels/word_rows.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

class Bf16AttentionStep final : public Step {
 public:
  Bf16AttentionStep(const LowerNode& node, const ops::FoveaAttention& op, const kernels::WordKernel& kernel)
      : op_(op), kernel_(kernel), threads_(std::max(node.threads, 1)) {
    for (size_t i = 0; i < 6; ++i) {
      inputs_[i] = node.in(i);
      narrow_[i] = node.has(i) && node.inputs[i].dtype == DType::bf16;
    }
    output_ = node.out();
    narrow_y_ = node.outputs[0].dtype == DType::bf16;
    if (node.has(3)) {
      const Shape strides = ops::broadcast_strides(node.shape(3), Shape{op.batch, op.heads, op.queries, op.keys});
      std::ranges::copy(strides, mask_strides_);
    }
    depth_words_ = kernels::tap_words(kernel, op.depth);
    key_words_ = kernels::tap_words(kernel, op.keys);
    // A row of scores holds the same row as bf16 afterwards; odd numbers of lines keep rows out of each other's sets.
    const int64_t columns = kernels::panel_count(kernel, op.keys) * kernel.columns;
    score_stride_ = (ceil_div(std::max(columns, key_words_), 16) | 1) * 16;
    query_stride_ = staged_stride(depth_words_);
    constexpr int64_t kMostRows = 192;
    const int64_t fit = cache_sizes().l2 / 2 / (4 * score_stride_);
    blocks_ = ceil_div(op.queries, std::clamp<int64_t>(fit, 32, kMostRows));
    rows_ = ceil_div(op.queries, blocks_);
    blocks_ = ceil_div(op.queries, rows_);
    const auto part = [&](int64_t bytes) {
      const int64_t begin = worker_bytes_;
      worker_bytes_ += round_up(bytes, 64);
      return begin;
    };
    packed_k_ = part(columns * depth_words_ * 4);
    packed_v_ = part(kernels::panel_count(kernel, op.value_depth) * kernels::panel_words(kernel, 1, op.keys) * 4);
    const int64_t padded = kernels::padded_rows(kernel, rows_);
    queries_ = part(padded * query_stride_);
    scores_ = part(padded * score_stride_ * 4);
    values_ = part(sums_bytes(kernel, rows_));
    factors_ = part(rows_ * 4);
    key_rows_ = part(kernel.columns * depth_words_ * 4);
    row_ = part(2 * std::max(op.depth, op.value_depth) * 4);
  }

  Result<void> run(const Bindings& b) const override {
    const AttentionOperands x{b.f32(inputs_[0]), b.f32(inputs_[1]), b.f32(inputs_[2]),
                              b.f32(inputs_[3]), b.f32(inputs_[4]), b.f32(inputs_[5])};
    auto* y = static_cast<std::byte*>(b.at_mutable(output_));
    b.pool->parallel_for(op_.batch * op_.heads * blocks_, 1, [&](int64_t begin, int64_t end, int worker) {
      std::byte* scratch = static_cast<std::byte*>(b.scratch) + worker * worker_bytes_;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t head = i / blocks_, first = i % blocks_ * rows_;
        if (i == begin || i % blocks_ == 0) pack_head(x, head, scratch);
        run_block(x, head, first, std::min(rows_, op_.queries - first), scratch, y);
      }
    });
    return {};
  }
  std::string kernel() const override { return std::string("attention_") + kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_bytes_; }

 private:
  void pack_head(const AttentionOperands& x, int64_t head, std::byte* scratch) const {
    const int64_t b = head / op_.heads, h = head % op_.heads;
    const auto at = [&](int64_t part) { return reinterpret_cast<float*>(scratch + part); };
    pack_keys(x, b, h, at(row_), scratch + key_rows_, reinterpret_cast<uint32_t*>(scratch + packed_k_));
    pack_values(x, b, h, at(row_), reinterpret_cast<uint32_t*>(scratch + packed_v_));
  }

  /// Keys are the columns of the first product: a panel is their rows, turned round word by word.
  void pack_keys(const AttentionOperands& x, int64_t b, int64_t h, float* room, std::byte* rows, uint32_t* to) const {
    const int64_t columns = kernel_.columns, row_bytes = depth_words_ * 4;
    kernels::StridedCopy turn;
    turn.rank = 2;
    turn.extents[0] = turn.from[1] = depth_words_;
    turn.extents[1] = turn.to[0] = columns;
    turn.from[0] = turn.to[1] = 1;
    for (int64_t first = 0; first < op_.keys; first += columns, to += columns * depth_words_) {
      const int64_t valid = std::min(columns, op_.keys - first);
      gather_tokens(op_, x, {x.k, narrow_[1], op_.k, op_.rope_k, 1}, {b, h, first, first + valid}, room,
                    {rows, row_bytes / 2, true});
      pad(rows, row_bytes, valid);
      std::fill_n(rows + valid * row_bytes, (columns - valid) * row_bytes, std::byte{0});
      kernels::copy_strided(turn, rows, to, 0, depth_words_);
    }
  }

  /// Keys are the depth of the second product: two rows of V make a row of words.
  void pack_values(const AttentionOperands& x, int64_t b, int64_t h, float* room, uint32_t* to) const {
    const int64_t columns = kernel_.columns, panel = kernels::panel_words(kernel_, 1, op_.keys);
    const auto row = [&](int64_t token, float* copy) -> const float* {
      if (token >= op_.keys) return nullptr;
      const float* from = x.v + op_.v.at(b, h, token, 0);
      if (op_.v.channel == 1) return from;
      kernels::scale_row(from, op_.v.channel, 1, copy, op_.value_depth);
      return copy;
    };
    const auto narrow_row = [&](int64_t token) {
      return token < op_.keys ? reinterpret_cast<const bf16*>(x.v) + op_.v.at(b, h, token, 0) : nullptr;
    };
    const auto pair = [&](const auto* even, const auto* odd, uint32_t* word) {
      for (int64_t first = 0; first < op_.value_depth; first += columns, word += panel) {
        if (even == nullptr) {
          std::fill_n(word, columns, 0u);
          continue;
        }
        const int64_t count = std::min(columns, op_.value_depth - first);
        kernels::pair_rows(even + first, odd ? odd + first : nullptr, count, word);
        std::fill(word + count, word + columns, 0u);
      }
    };
    for (int64_t word = 0; word < key_words_; ++word)
      if (narrow_[2])
        pair(narrow_row(2 * word), narrow_row(2 * word + 1), to + word * columns);
      else
        pair(row(2 * word, room), row(2 * word + 1, room + op_.value_depth), to + word * columns);
  }

  /// Rows are whole words.
  void pad(std::byte* rows, int64_t row_bytes, int64_t count) const {
    const int64_t bytes = depth_words_ * 4 - op_.depth * 2;
    for (int64_t i = 0; bytes > 0 && i < count; ++i)
      std::fill_n(rows + i * row_bytes + op_.depth * 2, bytes, std::byte{0});
  }

  void run_block(const AttentionOperands& x, int64_t head, int64_t first, int64_t count, std::byte* scratch,
                 std::byte* y) const {
    static constexpr int64_t kOneTap[] = {0};
    const int64_t b = head / op_.heads, h = head % op_.heads;
    const auto floats = [&](int64_t part) { return reinterpret_cast<float*>(scratch + part); };
    gather_tokens(op_, x, {x.q, narrow_[0], op_.q, op_.rope_q, op_.scale}, {b, h, first, first + count}, floats(row_),
                  {scratch + queries_, query_stride_ / 2, true});
    pad(scratch + queries_, query_stride_, count);
    kernels::WordBlock block;
    block.tap_offsets = kOneTap;
    block.rows = count;
    block.group_rows = kernels::group_rows(kernel_, count);
    block.a = scratch + queries_;
    block.a_stride = query_stride_;
    block.words = depth_words_;
    block.sums_stride = score_stride_;
    kernel_.begin(block.group_rows);
    float* scores = floats(scores_);
    const auto* keys = reinterpret_cast<const uint32_t*>(scratch + packed_k_);
    for (int64_t column = 0; column < op_.keys; column += kernel_.columns) {
      block.panel = keys + column * depth_words_;
      block.sums = scores + column;
      kernel_.block(block);
    }

    float* factors = floats(factors_);
    const float* mask = x.mask ? x.mask + b * mask_strides_[0] + h * mask_strides_[1] : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      float* row = scores + i * score_stride_;
      auto* numerators = reinterpret_cast<bf16*>(row);
      factors[i] =
          kernels::exp_row_bf16(row, mask ? mask + (first + i) * mask_strides_[2] : nullptr, op_.keys, numerators);
      std::fill(numerators + op_.keys, numerators + key_words_ * 2, bf16());
    }

    block.a = reinterpret_cast<const std::byte*>(scores);
    block.a_stride = score_stride_ * 4;
    block.words = key_words_;
    const int64_t stride = op_.heads * op_.value_depth;
    const int64_t at = ((b * op_.queries + first) * op_.heads + h) * op_.value_depth;
    multiply_words(kernel_, block, reinterpret_cast<const uint32_t*>(scratch + packed_v_), op_.value_depth, 0,
                   kernels::panel_count(kernel_, op_.value_depth), scratch + values_, [&](const PanelSums& sums) {
                     const kernels::RowsOut all{y, stride, narrow_y_};
                     kernels::scale_rows(static_cast<const float*>(sums.data), kernel_.columns, factors + sums.row,
                                         op_.nan_to_zero, sums.rows, sums.columns,
                                         all.at(0, at + sums.row * stride + sums.column));
                   });
  }

  ops::FoveaAttention op_;
  const kernels::WordKernel& kernel_;
  int threads_;
  ValueId inputs_[6] = {}, output_ = kNoValue;
  bool narrow_[6] = {}, narrow_y_ = false;
  int64_t mask_strides_[4] = {};
  int64_t depth_words_ = 0, key_words_ = 0, rows_ = 0, blocks_ = 0, score_stride_ = 0, query_stride_ = 0;
  // Parts of a worker's scratch memory, in bytes from its begin.
  int64_t worker_bytes_ = 0, packed_k_, packed_v_, queries_, scores_, values_, factors_, key_rows_, row_;
};

}  // namespace

NarrowPorts bf16_attention_ports(const LowerNode& node) {
  const auto* op = dynamic_cast<const ops::FoveaAttention*>(node.op.get());
  if (make_bf16_attention_step(node) == nullptr) return {};
  const uint32_t dense = (op->q.channel == 1 ? 1 : 0) | (op->k.channel == 1 ? 2 : 0) | (op->v.channel == 1 ? 4 : 0);
  return {dense, true};
}

StepPtr make_bf16_attention_step(const LowerNode& node) {
  const kernels::WordKernel* kernel = kernels::bf16_kernel();
  const auto* op = dynamic_cast<const ops::FoveaAttention*>(node.op.get());
  if (node.precision != Precision::bf16 || kernel == nullptr || op == nullptr || !all_f32(as_f32(node))) return nullptr;
  if (node.has(3) && (node.shape(3).empty() || node.shape(3).back() != op->keys)) return nullptr;
  return std::make_unique<Bf16AttentionStep>(node, *op, *kernel);
}

}  // namespace fovea::cpu
