// fovea.Attention: softmax(scale * Q K^T + mask) V for every head, read from wherever Q, K and V lie.
//
// Inputs: 0 to 2 the tensors that hold Q, K and V (f32, any shapes, often the same one); 3 a mask that is added to the
// scores, broadcast to {batch, heads, queries, keys}; 4 and 5 the tables of a rotary embedding (fovea_rope.h), for Q
// and K. Output: {batch, queries, heads, value_depth}, tokens outside.
#pragma once

#include "ops/fovea_rope.h"
#include "ops/operator.h"

namespace fovea::ops {

/// Where one operand lies in its tensor, in elements: element (b, h, t, c) at offset + b * batch + h * head + t * token
/// + c * channel.
struct HeadView {
  int64_t offset = 0, batch = 0, head = 0, token = 0, channel = 1;
  int64_t at(int64_t b, int64_t h, int64_t t, int64_t c) const {
    return offset + b * batch + h * head + t * token + c * channel;
  }
};

/// Attributes "sizes" {batch, heads, queries, keys, depth, value_depth}; "q", "k", "v": the five numbers of a HeadView
/// each; "scale"; "nan_to_zero": a row whose softmax is NaN (all masked) counts as zeros; "rope": 1 for Q, 2 for K, 3
/// for both; "rope_skip", "interleaved" as in fovea.Rope.
struct FoveaAttention final : Operator {
  int64_t batch = 0, heads = 0, queries = 0, keys = 0, depth = 0, value_depth = 0;
  HeadView q, k, v;
  float scale = 1;
  bool nan_to_zero = false, rope_q = false, rope_k = false;
  RopeForm rope;

  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
