// The rows of attention's operands, as both of its steps read them: gathered from wherever they lie, turned by a rotary
// embedding, scaled.
#pragma once

#include "kernels/attention.h"
#include "kernels/head_rows.h"
#include "ops/fovea_attention.h"

namespace fovea::cpu {

struct AttentionOperands {
  const float *q, *k, *v, *mask, *cos, *sin;
};

/// Tokens [first, last) of Q or K of head (b, h) at `to`. `narrow`: the operand is kept in bf16, which it may be where
/// its channels follow each other. `room`: op.depth floats.
inline void gather_tokens(const ops::FoveaAttention& op, const AttentionOperands& x, const float* operand, bool narrow,
                          const ops::HeadView& view, bool turned, float scale, int64_t b, int64_t h, int64_t first,
                          int64_t last, float* room, const kernels::RowsOut& to) {
  kernels::HeadRows rows;
  rows.depth = op.depth;
  rows.scale = scale;
  if (turned) {
    rows.cos = x.cos;
    rows.sin = x.sin;
  }
  rows.skip = op.rope.skip;
  rows.interleaved = op.rope.interleaved;
  if (view.channel == 1) {
    const kernels::RowsIn all{reinterpret_cast<const std::byte*>(operand), view.token, narrow};
    rows.x = all.at(0, view.at(b, h, 0, 0));
    kernels::gather_head_rows(rows, first, last, to);
    return;
  }
  rows.x = {reinterpret_cast<const std::byte*>(room), 0, false};  // the same row for each token
  for (int64_t t = first; t < last; ++t) {
    kernels::scale_row(operand + view.at(b, h, t, 0), view.channel, 1, room, op.depth);
    kernels::gather_head_rows(rows, t, t + 1, to.at(t - first, 0));
  }
}

}  // namespace fovea::cpu
