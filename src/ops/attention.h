// ONNX Attention and RotaryEmbedding: attributes and geometry.
#pragma once

#include <optional>
#include <span>

#include "ops/operator.h"

namespace fovea::ops {

/// How elements of a {batch, heads, length, size} operand lie in memory, whether it came so or as {batch, length,
/// heads * size}.
struct HeadStrides {
  int64_t batch, head, row;
};

struct AttentionGeometry {
  int64_t batch = 1;
  int64_t q_heads = 1, kv_heads = 1;  // heads q_heads / kv_heads of Q share one of K and V
  int64_t q_length = 0, kv_length = 0, past_length = 0;
  int64_t head_size = 0, v_head_size = 0;
  bool packed = false;  // operands have rank 3

  int64_t total_length() const { return past_length + kv_length; }
  HeadStrides strides(int64_t heads, int64_t length, int64_t size) const {
    return packed ? HeadStrides{length * heads * size, size, heads * size}
                  : HeadStrides{heads * length * size, length * size, size};
  }
  Shape output() const;
};

/// Inputs Q, K, V, attn_mask, past_key, past_value, nonpad_kv_seqlen (all but the first three optional). Outputs Y,
/// present_key, present_value, qk_matmul_output. Scores are softcap(Q K' * scale) + mask; a key whose mask is -inf (or
/// false, or that causality, the window or the padding excludes) has no part, and a query without keys gives zeros.
struct Attention final : Operator {
  enum class QkOutput { raw, capped, biased, probabilities };

  bool causal = false;
  std::optional<float> scale;  // otherwise 1 / sqrt(head_size)
  float softcap = 0;
  int64_t q_heads = 0, kv_heads = 0;            // of operands of rank 3; 0: not given
  int64_t left_window = -1, right_window = -1;  // keys that a query sees on either side; -1: all
  QkOutput qk_output = QkOutput::raw;

  Result<AttentionGeometry> resolve(std::span<const int64_t> q, std::span<const int64_t> k, std::span<const int64_t> v,
                                    std::span<const int64_t> past_key) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs X, cos_cache, sin_cache, position_ids (optional). Rotates the first `rotary_size` numbers of each head in
/// pairs: neighbours where `interleaved`, else those half the size apart.
struct RotaryEmbedding final : Operator {
  bool interleaved;
  int64_t heads;        // of X of rank 3
  int64_t rotary_size;  // 0: all of the head

  RotaryEmbedding(bool interleaved_, int64_t heads_, int64_t rotary_size_)
      : interleaved(interleaved_), heads(heads_), rotary_size(rotary_size_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
