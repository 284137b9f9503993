// The family of fp32 matrix products that carries convolutions and linear layers: rows of the left operand are given
// by pointer, weights are packed in panels, an epilogue finishes each tile before it is stored.
//
//   C[m, n] = act(scale[n] * sum over taps t and k of row(t, m)[k] * B[t, k, n]  + bias[n] + residual[m, n])
//
// A linear layer has one tap whose rows lie one behind the other. A convolution over NHWC has a tap for each kernel
// position; the row of output m at tap t starts at the pixel that this tap sees, or at zeros where it lies in the
// padding. Strides, dilations and groups are a matter of the pointers alone.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/narrow_panel.h"

namespace fovea::kernels {

/// What happens to a tile of sums before it is stored.
struct Epilogue {
  const float* bias = nullptr;      // [n], or nullptr
  const float* scale = nullptr;     // [n], or nullptr
  const float* residual = nullptr;  // [m, n] with residual_stride, or nullptr
  int64_t residual_stride = 0;      // floats
  bool residual_last = false;       // added behind the activation, not before
  Activation activation;
};

/// One tile: at most GemmKernel::rows by GemmKernel::columns of C.
struct GemmTile {
  const float* const* rows = nullptr;  // row i of tap t is rows[t * row_stride + i]
  int64_t row_stride = 0;
  int64_t taps = 1, depth = 0;  // `depth` floats (times GemmKernel::spread) are read from each row,
  int64_t offset = 0;           // from this one on
  const float* panel = nullptr;
  // Brought to the L2 cache meanwhile: every four k `ahead_lines` lines, `ahead_step` floats apart.
  const float* ahead = nullptr;
  int64_t ahead_step = 0, ahead_lines = 1;
  float* c = nullptr;
  int64_t c_stride = 0;  // floats
  int64_t columns = 0;   // of the panel that are valid
  Epilogue epilogue;     // its pointers at this tile's first row and column
};

/// The kernels of one instruction set and panel width.
struct GemmKernel {
  const char* name;                       // "gemm_avx2_6x16"
  int rows, columns;                      // of the largest tile
  void (*const* tiles)(const GemmTile&);  // [1 .. rows], by rows of the tile
  int panel_level = 1;                    // the lowest level of the caches that feeds a panel to the tiles fast enough
  int spread = 1;                         // floats of a row that each k reads, repeated over the vector (grouped.h)
};

/// Has the tile bring its share, `floats` from `ahead` on, to the cache: as evenly as its k allow.
void set_ahead(GemmTile& tile, const float* ahead, int64_t floats);

/// The kernel for the active ISA (base/cpu_features.h) that suits a right operand of `n` columns. The same for the
/// same n all through the process, so panels packed for it stay valid.
const GemmKernel& gemm_kernel(int64_t n);

/// All kernels for the active ISA: whoever measures may take another one than gemm_kernel's.
struct GemmKernels {
  const GemmKernel* const* first;
  int count;
  const GemmKernel* const* begin() const { return first; }
  const GemmKernel* const* end() const { return first + count; }
};
GemmKernels gemm_kernels();

/// Bytes that the packed right operand takes, without overflow for operands that exist.
int64_t packed_floats(const GemmKernel& kernel, int64_t n, int64_t taps, int64_t depth);

/// Packs panels [first, last) of the right operand: element (t, k, n) is b[n * n_stride + t * tap_stride + k *
/// k_stride]. Columns beyond n are zero. Panel p lies at out + p * kernel.columns * taps * depth.
struct PackSource {
  const float* b = nullptr;
  int64_t n = 0, taps = 1, depth = 0;
  int64_t n_stride = 1, tap_stride = 0, k_stride = 0;
};
void pack_panels(const GemmKernel& kernel, const PackSource& source, int64_t first, int64_t last, float* out);
inline int64_t panel_count(const GemmKernel& kernel, int64_t n) { return (n + kernel.columns - 1) / kernel.columns; }

/// A block of rows times panels [first_panel, last_panel), each of which is read from memory once. `tile` holds what
/// all tiles share, with c, rows and the epilogue's pointers at the block's first row and column 0; its `panel` and
/// `columns` are set here. n: columns of the whole right operand. Long sums are cut into stretches, so that the panel's
/// part (and the rows' part, where the rows do not fit the L2 cache) stays in the cache; C holds the sums meanwhile.
void gemm_block(const GemmKernel& kernel, const GemmTile& tile, const float* packed, int64_t row_count, int64_t n,
                int64_t first_panel, int64_t last_panel);

/// The same with panels in a narrow form (kernels/narrow_panel.h), of one tap. `room`: packed_floats() of one panel.
void gemm_block(const GemmKernel& kernel, const GemmTile& tile, const NarrowPanels& packed, float* room,
                int64_t row_count, int64_t n, int64_t first_panel, int64_t last_panel);

/// Rows that a block should have, so that a stretch of its part of the left operand stays in half of the L2 cache; a
/// multiple of the tile's rows, at most `rows`, balanced over blocks.
int64_t block_rows(const GemmKernel& kernel, int64_t rows, int64_t taps, int64_t depth);

}  // namespace fovea::kernels
