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

/// Q or K as an attention takes it.
struct TokenRows {
  const float* data;
  bool narrow;  // kept in bf16, which it may be where its channels follow each other
  const ops::HeadView& view;
  bool turned;  // by the rotary embedding
  float scale;
};

/// Tokens [first, last) of head (b, h).
struct TokenRange {
  int64_t b, h, first, last;
};

/// Those tokens at `to`, rows of op.depth numbers. `room`: op.depth floats.
inline void gather_tokens(const ops::FoveaAttention& op, const AttentionOperands& x, const TokenRows& operand,
                          const TokenRange& range, float* room, const kernels::RowsOut& to) {
  const ops::HeadView& view = operand.view;
  kernels::HeadRows rows;
  rows.depth = op.depth;
  rows.scale = operand.scale;
  if (operand.turned) {
    rows.cos = x.cos;
    rows.sin = x.sin;
  }
  rows.skip = op.rope.skip;
  rows.interleaved = op.rope.interleaved;
  if (view.channel == 1) {
    const kernels::RowsIn all{reinterpret_cast<const std::byte*>(operand.data), view.token, operand.narrow};
    rows.x = all.at(0, view.at(range.b, range.h, 0, 0));
    kernels::gather_head_rows(rows, range.first, range.last, to);
    return;
  }
  rows.x = {reinterpret_cast<const std::byte*>(room), 0, false};  // the same row for each token
  for (int64_t t = range.first; t < range.last; ++t) {
    kernels::scale_row(operand.data + view.at(range.b, range.h, t, 0), view.channel, 1, room, op.depth);
    kernels::gather_head_rows(rows, t, t + 1, to.at(t - range.first, 0));
  }
}

}  // namespace fovea::cpu
