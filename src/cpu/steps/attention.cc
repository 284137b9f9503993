// The step of fovea.Attention. For each head K and V are packed once, and a block of query rows goes through both
// products and the softmax while its scores are in the cache; nothing of the size of queries x keys is ever stored.
// Threads share out (head, block) pairs; one whose part begins within a head packs that head for itself.
#include "kernels/attention.h"

#include <algorithm>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "cpu/steps/attention_rows.h"
#include "cpu/steps/steps.h"
#include "kernels/gemm.h"
#include "ops/fovea_attention.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

class AttentionStep final : public Step {
 public:
  static constexpr int64_t kMostRows = 60;  // of a block, which has whole tiles

  AttentionStep(const LowerNode& node, const ops::FoveaAttention& op)
      : op_(op), values_kernel_(kernels::gemm_kernel(op.value_depth)), threads_(std::max(node.threads, 1)) {
    for (size_t i = 0; i < 6; ++i) inputs_[i] = node.in(i);
    output_ = node.out();
    if (node.has(3)) {
      const Shape strides = ops::broadcast_strides(node.shape(3), Shape{op.batch, op.heads, op.queries, op.keys});
      std::ranges::copy(strides, mask_strides_);
    }
    set_key_parts();
    // A block's scores and the head's K and V shall fit the L2 cache together, where they can.
    const int64_t head_bytes = 4 * op.keys * (op.depth + op.value_depth);
    const int64_t fit = (cache_bytes() - head_bytes) / (4 * std::max<int64_t>(op.keys, 1));
    const int64_t tile = keys_[0].kernel->rows;
    rows_ = std::clamp(fit / tile * tile, 4 * tile, kMostRows / tile * tile);
    blocks_ = ceil_div(op.queries, rows_);
    rows_ = round_up(ceil_div(op.queries, blocks_), tile);
    blocks_ = ceil_div(op.queries, rows_);
    // Rows of scores an odd number of lines apart, so that they do not share sets of the L1 cache.
    score_stride_ = ceil_div(op.keys, 16) | 1;
    score_stride_ *= 16;
    const auto part = [&](int64_t floats) {
      const int64_t begin = floats_;
      floats_ += round_up(floats, 16);
      return begin;
    };
    for (int i = 0; i < key_parts_; ++i)
      keys_[i].packed = part(kernels::packed_floats(*keys_[i].kernel, keys_[i].columns, 1, op.depth));
    packed_v_ = part(kernels::packed_floats(values_kernel_, op.value_depth, 1, op.keys));
    query_rows_ = part(rows_ * op.depth);
    scores_ = part(rows_ * score_stride_);
    factors_ = part(rows_);
    row_ = part(op.depth);
    turned_k_ = part(op.rope_k ? op.keys * op.depth : 0);
  }

  Result<void> run(const Bindings& b) const override {
    const AttentionOperands x{b.f32(inputs_[0]), b.f32(inputs_[1]), b.f32(inputs_[2]),
                              b.f32(inputs_[3]), b.f32(inputs_[4]), b.f32(inputs_[5])};
    float* y = b.f32_mutable(output_);
    b.pool->parallel_for(op_.batch * op_.heads * blocks_, 1, [&](int64_t begin, int64_t end, int worker) {
      float* scratch = static_cast<float*>(b.scratch) + worker * floats_;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t head = i / blocks_, first = i % blocks_ * rows_;
        if (i == begin || i % blocks_ == 0) pack_head(x, head, scratch);
        run_block(x, head, first, std::min(rows_, op_.queries - first), scratch, y);
      }
    });
    return {};
  }
  std::string kernel() const override { return "attention"; }
  int64_t scratch_bytes() const override { return threads_ * floats_ * 4; }

 private:
  /// Whole panels of the widest kernel, and what is left by one that leaves few of its columns empty.
  void set_key_parts() {
    const kernels::GemmKernel* widest = &kernels::gemm_kernel(op_.keys);
    for (const kernels::GemmKernel* kernel : kernels::gemm_kernels())
      if (kernel->columns > widest->columns) widest = kernel;
    const int64_t whole = op_.keys / widest->columns * widest->columns;
    if (whole > 0) keys_[key_parts_++] = {widest, 0, whole, 0};
    if (whole < op_.keys) {
      const int64_t rest = op_.keys - whole;
      keys_[key_parts_++] = {&kernels::gemm_kernel(rest), whole, rest, 0};
    }
  }

  static int64_t cache_bytes() { return cache_sizes().l2; }

  void pack_head(const AttentionOperands& x, int64_t head, float* scratch) const {
    const int64_t b = head / op_.heads, h = head % op_.heads;
    kernels::PackSource k{x.k + op_.k.at(b, h, 0, 0), op_.keys, 1, op_.depth, op_.k.token, 0, op_.k.channel};
    if (op_.rope_k) {
      float* rows = scratch + turned_k_;
      gather_tokens(op_, x, {x.k, false, op_.k, true, 1}, {b, h, 0, op_.keys}, scratch + row_,
                    {reinterpret_cast<std::byte*>(rows), op_.depth, false});
      k.b = rows;
      k.n_stride = op_.depth;
      k.k_stride = 1;
    }
    for (int i = 0; i < key_parts_; ++i) {
      const KeyPart& part = keys_[i];
      kernels::PackSource source = k;
      source.b += part.first * k.n_stride;
      source.n = part.columns;
      kernels::pack_panels(*part.kernel, source, 0, kernels::panel_count(*part.kernel, part.columns),
                           scratch + part.packed);
    }
    const kernels::PackSource v{
        x.v + op_.v.at(b, h, 0, 0), op_.value_depth, 1, op_.keys, op_.v.channel, 0, op_.v.token};
    kernels::pack_panels(values_kernel_, v, 0, kernels::panel_count(values_kernel_, op_.value_depth),
                         scratch + packed_v_);
  }

  void run_block(const AttentionOperands& x, int64_t head, int64_t first, int64_t count, float* scratch,
                 float* out) const {
    const int64_t b = head / op_.heads, h = head % op_.heads;
    const float* rows[kMostRows];
    float* queries = scratch + query_rows_;
    gather_tokens(op_, x, {x.q, false, op_.q, op_.rope_q, op_.scale}, {b, h, first, first + count}, scratch + row_,
                  {reinterpret_cast<std::byte*>(queries), op_.depth, false});
    for (int64_t i = 0; i < count; ++i) rows[i] = queries + i * op_.depth;
    float* scores = scratch + scores_;
    for (int i = 0; i < key_parts_; ++i) {
      const KeyPart& part = keys_[i];
      product(*part.kernel, rows, count, op_.depth, scratch + part.packed, part.columns, scores + part.first,
              score_stride_);
    }

    float* factors = scratch + factors_;
    const float* mask = x.mask ? x.mask + b * mask_strides_[0] + h * mask_strides_[1] : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      rows[i] = scores + i * score_stride_;
      factors[i] = kernels::exp_row(scores + i * score_stride_, mask ? mask + (first + i) * mask_strides_[2] : nullptr,
                                    op_.keys);
    }

    const int64_t stride = op_.heads * op_.value_depth;
    float* y = out + ((b * op_.queries + first) * op_.heads + h) * op_.value_depth;
    product(values_kernel_, rows, count, op_.keys, scratch + packed_v_, op_.value_depth, y, stride);
    kernels::scale_rows(y, stride, factors, op_.nan_to_zero, count, op_.value_depth,
                        {reinterpret_cast<std::byte*>(y), stride, false});
  }

  static void product(const kernels::GemmKernel& kernel, const float* const* rows, int64_t count, int64_t depth,
                      const float* packed, int64_t columns, float* c, int64_t stride) {
    kernels::GemmTile tile;
    tile.rows = rows;
    tile.row_stride = count;
    tile.depth = depth;
    tile.c = c;
    tile.c_stride = stride;
    kernels::gemm_block(kernel, tile, packed, count, columns, 0, kernels::panel_count(kernel, columns));
  }

  /// Columns of the scores that one kernel makes.
  struct KeyPart {
    const kernels::GemmKernel* kernel;
    int64_t first, columns, packed;  // packed: floats from the begin of the scratch memory
  };

  ops::FoveaAttention op_;
  KeyPart keys_[2] = {};
  int key_parts_ = 0;
  const kernels::GemmKernel& values_kernel_;
  int threads_;
  ValueId inputs_[6] = {}, output_ = kNoValue;
  int64_t mask_strides_[4] = {};
  int64_t rows_ = 0, blocks_ = 0, score_stride_ = 0;
  // Parts of a worker's scratch memory, in floats from its begin.
  int64_t floats_ = 0, packed_v_, query_rows_, scores_, factors_, row_, turned_k_;
};

class RopeStep final : public Step {
 public:
  RopeStep(const LowerNode& node, ops::RopeForm form)
      : x_(node.in(0)), cos_(node.in(1)), sin_(node.in(2)), y_(node.out()), form_(form) {
    const Shape& shape = node.shape(0);
    depth_ = shape.back();
    tokens_ = shape[shape.size() - 2];
    rows_ = element_count(shape) / depth_;
  }

  Result<void> run(const Bindings& b) const override {
    const float *x = b.f32(x_), *cos = b.f32(cos_), *sin = b.f32(sin_);
    float* y = b.f32_mutable(y_);
    b.pool->parallel_for(rows_, std::max<int64_t>(1, (1 << 13) / depth_), [&](int64_t begin, int64_t end, int) {
      kernels::HeadRows rows;
      rows.depth = depth_;
      rows.cos = cos;
      rows.sin = sin;
      rows.skip = form_.skip;
      rows.interleaved = form_.interleaved;
      for (int64_t r = begin; r < end;) {  // the tokens of one matrix at a time
        const int64_t first = r % tokens_, last = std::min(tokens_, first + end - r);
        rows.x = {reinterpret_cast<const std::byte*>(x + (r - first) * depth_), depth_, false};
        kernels::gather_head_rows(rows, first, last, {reinterpret_cast<std::byte*>(y + r * depth_), depth_, false});
        r += last - first;
      }
    });
    return {};
  }
  std::string kernel() const override { return "rope"; }

 private:
  ValueId x_, cos_, sin_, y_;
  ops::RopeForm form_;
  int64_t depth_ = 0, tokens_ = 0, rows_ = 0;
};

}  // namespace

StepPtr make_attention_step(const LowerNode& node) {
  const auto* op = dynamic_cast<const ops::FoveaAttention*>(node.op.get());
  if (op == nullptr || !all_f32(node)) return nullptr;
  if (node.has(3) && (node.shape(3).empty() || node.shape(3).back() != op->keys)) return nullptr;
  return std::make_unique<AttentionStep>(node, *op);
}

StepPtr make_rope_step(const LowerNode& node) {
  const auto* op = dynamic_cast<const ops::FoveaRope*>(node.op.get());
  return op == nullptr || !all_f32(node) ? nullptr : std::make_unique<RopeStep>(node, op->form);
}

}  // namespace fovea::cpu
