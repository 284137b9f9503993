// The rows of attention's operands, as both of its steps read them: gathered from wherever they lie, turned by a rotary
// embedding, scaled.
#pragma once

#include <algorithm>

#include "kernels/attention.h"
#include "ops/fovea_attention.h"

namespace fovea::cpu {

struct AttentionOperands {
  const float *q, *k, *v, *mask, *cos, *sin;
};

/// Row `token` of Q or K of a head, contiguous at `to`, turned. `copy`: room for a row.
inline void turned_row(const ops::FoveaAttention& op, const AttentionOperands& x, const float* row, int64_t channel,
                       int64_t token, float* copy, float* to) {
  if (channel != 1) {
    kernels::scale_row(row, channel, 1, copy, op.depth);
    row = copy;
  }
  const int64_t t = token - op.rope.skip;
  if (t < 0)
    std::copy_n(row, op.depth, to);
  else
    kernels::rope_row(row, x.cos + t * op.depth, x.sin + t * op.depth, op.depth, op.rope.interleaved, to);
}

/// Row `token` of a head's Q, which lies at `from`, at `to`: turned where it is to be, and scaled.
inline void query_row(const ops::FoveaAttention& op, const AttentionOperands& x, const float* from, int64_t channel,
                      int64_t token, float* copy, float* to) {
  if (op.rope_q) {
    turned_row(op, x, from, channel, token, copy, to);
    from = to;
    channel = 1;
  }
  kernels::scale_row(from, channel, op.scale, to, op.depth);
}

}  // namespace fovea::cpu
