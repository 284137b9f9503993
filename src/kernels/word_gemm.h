// Matrix products of narrow numbers, whose rows and weights are words of four bytes: two bf16, two 16-bit or four 8-bit
// integers. A product leaves raw sums, f32 or i32, of a block in memory that stays in the cache; what finishes them
// (scale, bias, activation, requantisation) reads them there.
//
//   sums[m, n] = sum over taps t and k of row(m, t)[k] * B[t, k, n]
//
// Rows lie at even distances, and so do a row's taps from its start: a linear layer has one tap; a convolution over a
// padded NHWC image has a tap for each kernel position. Where that does not hold, rows are copied first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fovea/dtype.h"
#include "kernels/finish.h"

namespace fovea::kernels {

enum class WordFormat {
  bf16,  // sums in f32
  i8,    // u8 rows times s8 weights, exact in i32
  i16,   // i16 rows times i16 weights; exact in i32 for 8-bit numbers widened
};
constexpr int64_t numbers_per_word(WordFormat format) { return format == WordFormat::i8 ? 4 : 2; }

/// A block of rows times one panel.
struct WordBlock {
  const std::byte* a = nullptr;          // row m of tap t begins at a + m * a_stride + taps[t]
  int64_t a_stride = 0;                  // bytes
  const int64_t* tap_offsets = nullptr;  // bytes, [taps]
  int64_t taps = 1, words = 0;           // of each tap: a multiple of WordKernel::depth_words
  int64_t rows = 0;                      // padded_rows() of them are read, and written to sums
  int64_t group_rows = 1;                // group_rows() of the rows that begin() was called for
  const uint32_t* panel = nullptr;
  const uint32_t* ahead = nullptr;  // words that are brought to the L2 cache meanwhile, or nullptr
  int64_t ahead_words = 0;
  bool ahead_leads = false;  // brought while the first rows pass over the panel, just before it is read
  void* sums = nullptr;      // [rows][WordKernel::columns]
  int64_t sums_stride = 0;   // numbers from a row of sums to the next
  bool accumulate = false;   // adds to what the sums hold
};

/// What becomes of the sums of a block times panels that lie one behind the other.
struct WordEnd {
  Finish finish;                  // its pointers at row 0 and the first panel's first column
  RowsOut y;                      // likewise
  int64_t columns = 0;            // of all panels together
  const int32_t* rows = nullptr;  // which row of y and of the residual a row of the block makes, if any (-1: none);
                                  // nullptr: row i makes row i
  /// The same from a row of the block, or a column, on.
  WordEnd from_row(int64_t row) const;
  WordEnd from_column(int64_t column) const;
};

struct WordKernel {
  const char* name;  // "amx_bf16_32x32"
  WordFormat format;
  int rows, columns;   // of a tile; panels are `columns` wide
  int depth_words;     // the words of a tap are padded with zeros to a multiple of this
  int row_group;       // rows that the instruction multiplies at once
  int macs_per_cycle;  // at best, for models of costs
  /// Called on the thread that runs blocks of such groups, before the first of them, and again whenever their height
  /// changes or other code may have used the tile registers.
  void (*begin)(int64_t group_rows);
  void (*block)(const WordBlock&);
  /// n floats as bf16, rounded to nearest, halves to even. nullptr for formats of integers.
  void (*narrow)(const float* x, int64_t n, bf16* y);
  /// block() with what follows the sums, which go to memory no more, for panels that lie `panel_words` apart; where the
  /// block accumulates, for one panel. Else block.sums is not used. Of what finishes() says. nullptr where there is no
  /// such kernel.
  void (*finish_panels)(const WordBlock& block, const WordEnd& end, int64_t panel_words) = nullptr;
  /// Whether blocks know WordBlock::ahead_leads. Others spread what is brought over all their rows.
  bool leads = false;
};

/// Whether the kernel finishes sums by itself in this way.
bool finishes(const WordKernel& kernel, const Finish& finish);
/// finish_rows() for `rows` rows of one panel's sums, WordKernel::columns apart; of end.columns no more than those.
void finish_block(const WordKernel& kernel, const WordEnd& end, const float* sums, int64_t rows);

/// The product of bytes for the active ISA: format i8, or i16 where the CPU has no exact product of bytes.
const WordKernel& i8_kernel();
/// nullptr where the CPU has no product of bf16.
const WordKernel* bf16_kernel();
/// All kernels of a format that this process may run, the best first: for tests and tuning.
int word_kernels(WordFormat format, const WordKernel* const** kernels);

/// Words of one tap of a row, padding included.
int64_t tap_words(const WordKernel& kernel, int64_t depth);
int64_t panel_count(const WordKernel& kernel, int64_t n);
/// Height of the groups that so many rows are cut into: at most row_group, the same for all.
int64_t group_rows(const WordKernel& kernel, int64_t rows);
/// Rows that a block of so many reads and writes: whole groups.
int64_t padded_rows(const WordKernel& kernel, int64_t rows);
/// Words from one packed panel to the next.
int64_t panel_words(const WordKernel& kernel, int64_t taps, int64_t depth);

/// Packs panels [first, last) of the right operand: element (t, k, n) is b[n * n_stride + t * tap_stride + k *
/// k_stride]. Columns beyond n and the padding of depth are zero. f32 is for kernels of bf16 (rounded to nearest,
/// halves to even), int8_t for those of i8 and i16.
template <class T>
struct WordSource {
  const T* b = nullptr;
  int64_t n = 0, taps = 1, depth = 0;
  int64_t n_stride = 1, tap_stride = 0, k_stride = 0;
};
void pack_words(const WordKernel& kernel, const WordSource<float>& source, int64_t first, int64_t last, uint32_t* out);
void pack_words(const WordKernel& kernel, const WordSource<int8_t>& source, int64_t first, int64_t last, uint32_t* out);

}  // namespace fovea::kernels
