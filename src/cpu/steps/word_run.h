// Running products of words (kernels/word_gemm.h) panel by panel.
#pragma once

#include <algorithm>

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
  int64_t tap_words() const { return words_; }
  /// Inline: handed over in memory, its parts would be read together before the stores of the last panel's results are
  /// through, and each panel would wait for them.
  Stretch operator[](int64_t i) const {
    if (count() == 1) return {0, taps_, 0, words_};  // without the divisions, which small products would feel
    const int64_t group = i / parts_, part = i % parts_, steps = words_ / step_;
    const int64_t tap = taps_ * group / groups_, from = steps * part / parts_ * step_;
    return {tap, taps_ * (group + 1) / groups_ - tap, from, steps * (part + 1) / parts_ * step_ - from};
  }

 private:
  int64_t taps_, words_, step_;
  int64_t groups_ = 1, parts_ = 1;  // of the taps, of each tap
};

/// What is brought from farther caches while a part of a panel is used, in the order in which it is used first: the
/// other stretches of the panel, then the first stretch of the next panel, which lies behind it in memory.
class WordAhead {
 public:
  struct Words {
    int64_t offset = 0, count = 0;  // from the begin of the panel
  };
  /// `passes`: parts of the rows, each of which goes through all stretches.
  WordAhead(int64_t columns, int64_t panel_words, const WordStretches& stretches, int64_t passes)
      : columns_(columns),
        panel_words_(panel_words),
        stretches_(stretches),
        first_words_(words(0)),
        piece_words_(ceil_div(first_words_, (passes - 1) * stretches.count() + 1)) {}

  Words during(int64_t pass, int64_t stretch, bool has_next_panel) const;

 private:
  int64_t words(int64_t stretch) const { return columns_ * stretches_[stretch].taps * stretches_[stretch].words; }

  int64_t columns_, panel_words_;
  const WordStretches& stretches_;
  int64_t first_words_, piece_words_;  // of the next panel's first stretch: all, and in each turn
};

/// Whether few rows pass over each panel but once: then it comes from far away as fast as it can, and what helps is to
/// ask for it a little ahead of its use, by so many words.
bool ahead_leads(const kernels::WordKernel& kernel, const kernels::WordBlock& block);
inline constexpr int64_t kLeadWords = 1024;

/// Raw sums of a part of a panel: [rows][WordKernel::columns], the first of row `row` of the block and of column
/// `column` of the result.
struct PanelSums {
  const void* data = nullptr;
  int64_t row = 0, rows = 0, column = 0, columns = 0;
};

/// Rows whose sums are made together: few enough that the sums, the part of the panel that makes them and the rows
/// themselves lie in the L1 cache side by side.
int64_t sums_rows(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const WordStretches& stretches);
/// Room for the sums of a block of at most so many rows.
int64_t sums_bytes(const kernels::WordKernel& kernel, int64_t rows);

/// Walks a block of rows times panels [first, last) of `packed` in the order in which its parts are multiplied.
/// body(part, panel, row, whole): `part` is rows from `row` on times a stretch; `whole`: then their sums are.
template <class Body>
void walk_words(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                int64_t first, int64_t last, void* sums, Body&& body) {
  kernels::WordBlock part = block;
  part.sums = sums;
  part.sums_stride = kernel.columns;
  part.group_rows = kernels::group_rows(kernel, block.rows);
  const WordStretches stretches(kernel, block);
  const int64_t panel_words = kernel.columns * block.taps * block.words;
  const int64_t step = sums_rows(kernel, block, stretches);
  const WordAhead ahead(kernel.columns, panel_words, stretches, ceil_div(block.rows, step));
  part.ahead_leads = ahead_leads(kernel, block);
  kernel.begin(part.group_rows);
  for (int64_t p = first; p < last; ++p) {
    const uint32_t* panel = packed + p * panel_words;
    for (int64_t row = 0; row < block.rows; row += step) {
      part.rows = std::min(step, block.rows - row);
      part.accumulate = false;
      for (int64_t i = 0; i < stretches.count(); ++i) {
        const WordStretches::Stretch s = stretches[i];
        part.a = block.a + row * block.a_stride + s.offset * 4;
        part.tap_offsets = block.tap_offsets + s.tap;
        part.taps = s.taps;
        part.words = s.words;
        part.panel = panel + (s.tap * block.words + s.offset) * kernel.columns;
        const WordAhead::Words next =
            part.ahead_leads ? WordAhead::Words{kLeadWords, panel_words} : ahead.during(row / step, i, p + 1 < last);
        part.ahead = next.count > 0 ? panel + next.offset : nullptr;
        part.ahead_words = next.count;
        body(part, p, row, i + 1 == stretches.count());
        part.accumulate = true;
      }
    }
  }
}

/// A block of rows times panels [first, last) of `packed`; `block` holds all but panel, ahead, sums and group_rows.
/// `sums` is sums_bytes() of room. finish(PanelSums) takes the raw sums before they are overwritten.
template <class Finish>
void multiply_words(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                    int64_t n, int64_t first, int64_t last, void* sums, Finish&& finish) {
  walk_words(kernel, block, packed, first, last, sums,
             [&](const kernels::WordBlock& part, int64_t panel, int64_t row, bool whole) {
               kernel.block(part);
               const int64_t column = panel * kernel.columns;
               if (whole)
                 finish(PanelSums{sums, row, part.rows, column, std::min<int64_t>(n - column, kernel.columns)});
             });
}

/// The same for products of bf16 with what follows them: `end` is that of row 0 and column 0. Where the kernel finishes
/// sums by itself, they do not leave the L1 cache.
void multiply_words(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                    int64_t first, int64_t last, void* sums, const kernels::WordEnd& end);

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
/// again; at most `most` and `rows`, balanced over blocks.
int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes, int64_t most = 512);

}  // namespace fovea::cpu
