// Products of words with AMX: two by two tiles of 16 x 16 sums, fed by tiles of 16 rows of the left operand and 16
// words of the panel's depth.
#if defined(__AMX_TILE__)
#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

namespace fovea::kernels::amx {
namespace {

constexpr int64_t kRows = 16, kColumns = 32, kDepth = 16;  // rows of a tile, columns of a panel, words of a step
constexpr int64_t kTileBytes = 64, kPanelStep = kDepth * kColumns;

int64_t tile_count(int64_t rows) { return (rows + kRows - 1) / kRows; }
/// All tiles of a block have the same height, so that the tiles' configuration stays (see padded_rows()).
int64_t tile_height(int64_t rows) { return (rows + tile_count(rows) - 1) / tile_count(rows); }

/// Tiles 0 to 3 hold sums, 4 and 5 rows of the left operand, 6 and 7 of the panel.
void begin(int64_t rows) { configure_tiles(static_cast<uint8_t>(tile_height(rows))); }

struct Bf16 {
  [[gnu::always_inline]] static void upper() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
  [[gnu::always_inline]] static void lower() {
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
};
struct Bytes {
  [[gnu::always_inline]] static void upper() {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
  }
  [[gnu::always_inline]] static void lower() {
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
};

/// What is brought to the cache between the steps.
struct Ahead {
  const uint32_t* next;
  int64_t lines_per_step;

  [[gnu::always_inline]] void step() {
    for (int64_t i = 0; i < lines_per_step; ++i, next += kTileBytes / 4) __builtin_prefetch(next, 0, 2);
  }
};

/// One row of tiles, or two, times the panel. lower: bytes from the first row of tiles to the second.
template <class Dot, bool kTwo>
void tiles(const WordBlock& t, const std::byte* a, int64_t lower, uint32_t* sums, uint32_t* lower_sums, Ahead& ahead) {
  const int64_t stride = t.sums_stride * 4;
  if (t.accumulate) {
    _tile_loadd(0, sums, stride);
    _tile_loadd(1, sums + kColumns / 2, stride);
    if constexpr (kTwo) {
      _tile_loadd(2, lower_sums, stride);
      _tile_loadd(3, lower_sums + kColumns / 2, stride);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kTwo) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  const uint32_t* b = t.panel;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const std::byte* row = a + t.tap_offsets[tap];
    for (int64_t k = 0; k < t.words; k += kDepth, row += kTileBytes, b += kPanelStep) {
      _tile_loadd(6, b, kColumns * 4);
      _tile_loadd(4, row, t.a_stride);
      _tile_loadd(7, b + kColumns / 2, kColumns * 4);
      Dot::upper();
      ahead.step();
      if constexpr (kTwo) {
        _tile_loadd(5, row + lower, t.a_stride);
        Dot::lower();
      }
    }
  }
  _tile_stored(0, sums, stride);
  _tile_stored(1, sums + kColumns / 2, stride);
  if constexpr (kTwo) {
    _tile_stored(2, lower_sums, stride);
    _tile_stored(3, lower_sums + kColumns / 2, stride);
  }
}

template <class Dot>
void block(const WordBlock& t) {
  const int64_t count = tile_count(t.rows), height = tile_height(t.rows);
  const int64_t steps = (count + 1) / 2 * t.taps * (t.words / kDepth);
  constexpr int64_t kMostLines = 8;  // more at once than the core can have under way gain nothing
  const int64_t lines = t.ahead != nullptr ? t.ahead_words / (kTileBytes / 4) : 0;
  Ahead ahead{t.ahead, lines / steps < kMostLines ? (lines + steps - 1) / steps : kMostLines};
  auto* sums = static_cast<uint32_t*>(t.sums);
  const int64_t lower = height * t.a_stride, lower_sums = height * t.sums_stride;
  for (int64_t i = 0; i < count; i += 2) {
    const std::byte* a = t.a + i * lower;
    uint32_t* to = sums + i * lower_sums;
    if (i + 1 < count)
      tiles<Dot, true>(t, a, lower, to, to + lower_sums, ahead);
    else
      tiles<Dot, false>(t, a, 0, to, nullptr, ahead);
  }
}

}  // namespace

const WordKernel kBf16{"amx_bf16_32x32", WordFormat::bf16, 32, kColumns, kDepth, kRows, 512, begin,
                       block<Bf16>,      avx512::narrow};
const WordKernel kI8{"amx_i8_32x32", WordFormat::i8, 32, kColumns, kDepth, kRows, 1024, begin, block<Bytes>, nullptr};

}  // namespace fovea::kernels::amx
#endif
