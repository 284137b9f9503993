// Tiles of AMX times a panel: two by two tiles of 16 x 16 sums, fed by tiles of 16 rows of the left operand and 16
// words of the panel's depth. Only for files compiled for it.
#pragma once

#include <immintrin.h>

#include "kernels/word_gemm.h"

namespace fovea::kernels::amx {

constexpr int64_t kRows = 16, kColumns = 32, kDepth = 16;  // rows of a tile, columns of a panel, words of a step
constexpr int64_t kTileBytes = 64, kPanelStep = kDepth * kColumns;

// Tiles 0 to 3 hold sums, 4 and 5 rows of the left operand, 6 and 7 of the panel.
// The intrinsics take nothing but digits for tiles. Sums 0 and 1 are those of rows 4 times columns 6 and 7, sums 2 and
// 3 of rows 5.
struct Bf16 {
  template <int kSums>
  [[gnu::always_inline]] static void add() {
    if constexpr (kSums == 0) _tile_dpbf16ps(0, 4, 6);
    if constexpr (kSums == 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kSums == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kSums == 3) _tile_dpbf16ps(3, 5, 7);
  }
};
struct Bytes {
  template <int kSums>
  [[gnu::always_inline]] static void add() {
    if constexpr (kSums == 0) _tile_dpbusd(0, 4, 6);
    if constexpr (kSums == 1) _tile_dpbusd(1, 4, 7);
    if constexpr (kSums == 2) _tile_dpbusd(2, 5, 6);
    if constexpr (kSums == 3) _tile_dpbusd(3, 5, 7);
  }
};

template <int kSums>
[[gnu::always_inline]] inline void store(uint32_t* to, int64_t stride) {
  if constexpr (kSums == 0) _tile_stored(0, to, stride);
  if constexpr (kSums == 1) _tile_stored(1, to, stride);
  if constexpr (kSums == 2) _tile_stored(2, to, stride);
  if constexpr (kSums == 3) _tile_stored(3, to, stride);
}
template <int kSums>
[[gnu::always_inline]] inline void load(const uint32_t* from, int64_t stride) {
  if constexpr (kSums == 0) _tile_loadd(0, from, stride);
  if constexpr (kSums == 1) _tile_loadd(1, from, stride);
  if constexpr (kSums == 2) _tile_loadd(2, from, stride);
  if constexpr (kSums == 3) _tile_loadd(3, from, stride);
}
template <int kSums>
[[gnu::always_inline]] inline void zero() {
  if constexpr (kSums == 0) _tile_zero(0);
  if constexpr (kSums == 1) _tile_zero(1);
  if constexpr (kSums == 2) _tile_zero(2);
  if constexpr (kSums == 3) _tile_zero(3);
}

/// What is brought to the cache between the steps.
struct Ahead {
  const uint32_t* next = nullptr;
  int64_t lines_per_step = 0;

  [[gnu::always_inline]] void step() {
    for (int64_t i = 0; i < lines_per_step; ++i, next += kTileBytes / 4) __builtin_prefetch(next, 0, 2);
  }
};

/// Where the sums of two rows of tiles lie; lower is nullptr where there is but one.
struct Sums {
  uint32_t* upper = nullptr;
  uint32_t* lower = nullptr;
};

/// Puts the sums that a tile holds where they belong, if there are any, and begins new ones.
template <int kSums>
[[gnu::always_inline]] inline void next_sums(uint32_t* made, const uint32_t* wanted, int64_t stride, bool accumulate) {
  if (made != nullptr) store<kSums>(made, stride);
  accumulate ? load<kSums>(wanted, stride) : zero<kSums>();
}

/// One row of tiles, or two, times the panel; between.step() comes after the products of each step. The sums before
/// these are stored between the first products, whose operands are on their way by then: stored at the end, they would
/// wait for the last products, and the next for them. lower: bytes from the first row of tiles to the second.
template <class Dot, bool kTwo, class Between>
void tiles(const WordBlock& t, const std::byte* a, int64_t lower, const Sums& before, const Sums& sums,
           Between& between) {
  constexpr int64_t kRight = kColumns / 2;
  const int64_t stride = t.sums_stride * 4;
  const uint32_t* b = t.panel;
  const std::byte* row = a + t.tap_offsets[0];
  _tile_loadd(6, b, kColumns * 4);
  _tile_loadd(4, row, t.a_stride);
  _tile_loadd(7, b + kRight, kColumns * 4);
  uint32_t* const upper = before.upper;
  uint32_t* const under = before.lower;
  next_sums<0>(upper, sums.upper, stride, t.accumulate);
  Dot::template add<0>();
  next_sums<1>(upper ? upper + kRight : nullptr, sums.upper + kRight, stride, t.accumulate);
  Dot::template add<1>();
  if constexpr (kTwo) {
    _tile_loadd(5, row + lower, t.a_stride);
    next_sums<2>(under, sums.lower, stride, t.accumulate);
    Dot::template add<2>();
    next_sums<3>(under ? under + kRight : nullptr, sums.lower + kRight, stride, t.accumulate);
    Dot::template add<3>();
  } else if (under != nullptr) {
    _tile_stored(2, under, stride);
    _tile_stored(3, under + kRight, stride);
  }
  between.step();
  int64_t k = kDepth;
  for (int64_t tap = 0; tap < t.taps; ++tap, k = 0) {
    row = a + t.tap_offsets[tap] + k * 4;
    for (; k < t.words; k += kDepth, row += kTileBytes) {
      b += kPanelStep;
      _tile_loadd(6, b, kColumns * 4);
      _tile_loadd(4, row, t.a_stride);
      _tile_loadd(7, b + kRight, kColumns * 4);
      Dot::template add<0>();
      Dot::template add<1>();
      between.step();
      if constexpr (kTwo) {
        _tile_loadd(5, row + lower, t.a_stride);
        Dot::template add<2>();
        Dot::template add<3>();
      }
    }
  }
}

/// Ahead of a block of so many pairs of rows of tiles, each of so many steps.
inline Ahead ahead_of(const WordBlock& t, int64_t pairs, int64_t steps) {
  constexpr int64_t kMostLines = 8;  // more at once than the core can have under way gain nothing
  const int64_t lines = t.ahead != nullptr ? t.ahead_words / (kTileBytes / 4) : 0;
  if (t.ahead_leads) return {t.ahead, (lines + steps - 1) / steps};
  const int64_t all = pairs * steps;
  return {t.ahead, lines / all < kMostLines ? (lines + all - 1) / all : kMostLines};
}

/// Puts the last sums of a block where they belong.
inline void store_last(const Sums& sums, int64_t stride) {
  _tile_stored(0, sums.upper, stride);
  _tile_stored(1, sums.upper + kColumns / 2, stride);
  if (sums.lower != nullptr) {
    _tile_stored(2, sums.lower, stride);
    _tile_stored(3, sums.lower + kColumns / 2, stride);
  }
}

}  // namespace fovea::kernels::amx
