// The passes, one line each; the order in which they run is in catalogue.cc.
#pragma once

#include "passes/pass.h"

namespace fovea::passes {

Outcome cancel_moves(Graph&, NodeId);
int channels_last(Graph&);
Outcome clip_quantized(Graph&, NodeId);
Outcome expand_dynamic(Graph&, NodeId);
Outcome expand_einsum(Graph&, NodeId);
Outcome expand_nbits(Graph&, NodeId);
Outcome expand_quantised(Graph&, NodeId);
Outcome fold_batch_norm(Graph&, NodeId);
Outcome fold_dequantize(Graph&, NodeId);
Outcome fold_scale(Graph&, NodeId);
Outcome fuse_attention(Graph&, NodeId);
Outcome fuse_epilogue(Graph&, NodeId);
Outcome fuse_expand(Graph&, NodeId);
Outcome fuse_gate(Graph&, NodeId);
Outcome fuse_gelu(Graph&, NodeId);
Outcome fuse_lookup(Graph&, NodeId);
Outcome fuse_pixels(Graph&, NodeId);
Outcome fuse_quantized(Graph&, NodeId);
Outcome fuse_quantized_chain(Graph&, NodeId);
Outcome fuse_rope(Graph&, NodeId);
Outcome fuse_swish(Graph&, NodeId);
Outcome lower_linear(Graph&, NodeId);
Outcome move_dequantize(Graph&, NodeId);
Outcome narrow_weights(Graph&, NodeId);
Outcome remove_identity(Graph&, NodeId);
Outcome turn_weights(Graph&, NodeId);
Outcome unsigned_bytes(Graph&, NodeId);
int widen_halves(Graph&);

}  // namespace fovea::passes
