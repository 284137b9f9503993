// Running products of words (kernels/word_gemm.h) panel by panel.
#pragma once

#include "base/checked.h"
#include "kernels/word_gemm.h"

namespace fovea::cpu {

/// How the sum over taps and depth is cut: whole taps, or parts of one.
class WordStretches {
 public:
  struct Stretch {
    int64_t tap, taps, offset, words;  // offset in words
  };
  WordStretches(const kernels::WordKernel& kernel, const kernels::WordBlock& block);
  int64_t count() const { return groups_ * parts_; }
  Stretch operator[](int64_t i) const;

 private:
  int64_t taps_, words_, step_;
  int64_t groups_ = 1, parts_ = 1;  // of the taps, of each tap
};

/// A block of rows times panels [first, last) of `packed`; `block` holds all but panel, ahead and sums. `sums` is room
/// for padded_rows() rows of kernel.columns. finish(column, columns, sums) takes the raw sums of one panel, before they
/// are overwritten. Long sums are cut into stretches whose part of a panel stays in the L1 cache while the rows pass.
template <class Finish>
void multiply_words(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                    int64_t n, int64_t first, int64_t last, void* sums, Finish&& finish) {
  kernels::WordBlock part = block;
  part.sums = sums;
  part.sums_stride = kernel.columns;
  const WordStretches stretches(kernel, block);
  const int64_t panel_words = kernel.columns * block.taps * block.words;
  kernel.begin(block.rows);
  for (int64_t p = first; p < last; ++p) {
    const uint32_t* panel = packed + p * panel_words;
    part.accumulate = false;
    for (int64_t i = 0; i < stretches.count(); ++i) {
      const WordStretches::Stretch s = stretches[i];
      part.a = block.a + s.offset * 4;
      part.tap_offsets = block.tap_offsets + s.tap;
      part.taps = s.taps;
      part.words = s.words;
      part.panel = panel + (s.tap * block.words + s.offset) * kernel.columns;
      // What follows in memory is what comes next: the panels lie one behind the other.
      part.ahead_words = kernel.columns * s.taps * s.words;
      const bool is_last = p + 1 == last && i + 1 == stretches.count();
      part.ahead = is_last ? nullptr : part.panel + part.ahead_words;
      kernel.block(part);
      part.accumulate = true;
    }
    const int64_t column = p * kernel.columns;
    finish(column, n - column < kernel.columns ? n - column : kernel.columns, sums);
  }
}

/// A product as its threads share it.
struct WordWork {
  int64_t row_parts = 1, panels = 1;  // that threads can share
  int64_t row_bytes = 0, weight_bytes = 0, result_bytes = 0;
  int64_t macs = 0;
};
/// Whether threads should share out rows, so that each reads all weights, rather than panels, so that each reads all
/// rows, most of them from where another core wrote them, and the next step its own. Products of words are so fast that
/// what they read often decides.
bool share_word_rows(const kernels::WordKernel& kernel, const WordWork& work, int threads);

/// Where the rows of a left operand lie: output pixel (y, x) of a pointwise convolution reads pixel (y * stride_y,
/// x * stride_x) of its image.
struct RowGrid {
  int64_t height = 1, width = 1;           // of the output; a linear layer is one line
  int64_t image = 0, line = 0, pixel = 0;  // numbers from a row to the next of its kind

  int64_t offset(int64_t row) const {
    const int64_t y = row / width;
    return y / height * image + y % height * line + row % width * pixel;
  }
  /// Whether each row begins where the one before it ends.
  bool dense(int64_t depth) const {
    return pixel == depth && (height == 1 || line == width * pixel) && (image == 0 || image == height * width * pixel);
  }
};

/// Dense rows up to this size are read or staged as they lie, what is read behind one being the next row; longer ones
/// might share sets of the cache.
inline constexpr int64_t kDenseBytes = 512;

/// Bytes from one staged row to the next: an odd number of cache lines, so that rows do not share sets of the cache.
inline int64_t staged_stride(int64_t words) { return (ceil_div(words * 4, 64) | 1) * 64; }

/// Rows of a block: as many as keep its staged rows in five eighths of the L2 cache, since each block reads all weights
/// again; at most `rows`, balanced over blocks.
int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes);

}  // namespace fovea::cpu
