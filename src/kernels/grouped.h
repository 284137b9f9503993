// Matrix products of many small groups of channels, as a grouped convolution has them: several groups side by side in a
// vector.
//
// P groups make a block whose channels lie interleaved: channel i of the block's group g is number i * P + g. P floats
// of a row, repeated over the vector, then meet weights of P groups, and no lane works in vain. The tiles are those of
// gemm.h, with GemmKernel::spread = P; a group with as many channels as a vector has lanes needs no neighbours (P = 1).
#pragma once

#include <cstdint>

#include "kernels/gemm.h"

namespace fovea::kernels {

/// A grouped convolution's channels; groups are filled up with empty ones to whole blocks.
struct GroupShape {
  int64_t groups = 1, in = 1, out = 1;  // channels of one group
  int64_t taps = 1;

  int64_t blocks(int64_t spread) const { return (groups + spread - 1) / spread; }
};

/// The kernel of the active ISA that takes least time for these groups; nullptr where gemm_kernel(shape.out), group by
/// group, takes no more.
const GemmKernel* grouped_kernel(const GroupShape& shape);

/// Floats of the packed weights of one block.
int64_t packed_block_floats(const GemmKernel& kernel, const GroupShape& shape);

/// Packs weights {groups * out, in, taps} for gemm_block, block behind block: column o * P + g of a block is output
/// channel o of its group g.
void pack_groups(const GemmKernel& kernel, const GroupShape& shape, const float* weight, float* packed);

/// The order of channels over pixels: `spread` groups a block, `each` channels a group.
struct GroupOrder {
  int64_t groups = 1, each = 1, spread = 1;
};

/// y[pixel][block][i][g] = x[pixel][block][g][i] for blocks [first, last); what groups beyond the last one would hold
/// is 0. Strides in floats from pixel to pixel; x and y at channel 0 of block 0.
void interleave_groups(const GroupOrder& order, int64_t first, int64_t last, int64_t pixels, const float* x,
                       int64_t x_stride, float* y, int64_t y_stride);

/// The way back for one block: y[pixel][g][i] = x[pixel][i][g]. x: that block alone; y at channel 0 of block 0.
void separate_groups(const GroupOrder& order, int64_t block, int64_t pixels, const float* x, int64_t x_stride, float* y,
                     int64_t y_stride);

}  // namespace fovea::kernels
