// Running products of words (kernels/word_gemm.h) panel by panel.
#pragma once

#include "base/checked.h"
#include "kernels/word_gemm.h"

namespace fovea::cpu {

/// A block of rows times panels [first, last) of `packed`; `block` holds all but panel, ahead and sums. `sums` is room
/// for block.rows rows of kernel.columns. finish(column, columns, sums) takes the raw sums of one panel,
/// before they are overwritten.
template <class Finish>
void multiply_words(const kernels::WordKernel& kernel, kernels::WordBlock block, const uint32_t* packed, int64_t n,
                    int64_t first, int64_t last, void* sums, Finish&& finish) {
  const int64_t words = kernel.columns * block.taps * block.words;
  block.sums = sums;
  block.sums_stride = kernel.columns;
  kernel.begin(block.rows);
  for (int64_t p = first; p < last; ++p) {
    block.panel = packed + p * words;
    block.ahead = p + 1 < last ? block.panel + words : nullptr;
    block.ahead_words = words;
    kernel.block(block);
    const int64_t column = p * kernel.columns;
    finish(column, n - column < kernel.columns ? n - column : kernel.columns, sums);
  }
}

/// Bytes from one staged row to the next: an odd number of cache lines, so that rows do not share sets of the cache.
inline int64_t staged_stride(int64_t words) { return (ceil_div(words * 4, 64) | 1) * 64; }

/// Rows of a block: as many as keep its staged rows in five eighths of the L2 cache, since each block reads all weights
/// again; at most `rows`, balanced over blocks.
int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes);

}  // namespace fovea::cpu
