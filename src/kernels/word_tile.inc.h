// The tile of a product of words, written once for every instruction that multiplies and adds words. Included inside
// the namespace of one instruction set; W is that instruction: W::Sum and W::Words (vectors of W::kLanes), zero(),
// load(), load_sums(), broadcast(), dot() and store().
// No include guard: each instruction set needs its own copy. Nothing of the standard library may be used here: inline
// functions compiled for a wider instruction set would be linked into the rest of the program.

/// MR rows by NV vectors of sums stay in registers while the rows and the panel are walked.
template <class W, int MR, int NV>
void word_tile(const WordBlock& t, const std::byte* a, uint32_t* sums, const uint32_t* ahead, int64_t ahead_lines) {
  typename W::Sum acc[MR][NV];
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j)
      acc[i][j] = t.accumulate ? W::load_sums(sums + i * t.sums_stride + j * W::kLanes) : W::zero();
  constexpr int64_t kLine = 16;
  const uint32_t* b = t.panel;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const std::byte* row = a + t.tap_offsets[tap];
    for (int64_t k = 0; k < t.words; ++k, b += NV * W::kLanes, row += 4) {
      if (ahead_lines > 0) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += kLine;
        --ahead_lines;
      }
      typename W::Words bv[NV];
      for (int j = 0; j < NV; ++j) bv[j] = W::load(b + j * W::kLanes);
      for (int i = 0; i < MR; ++i) {
        const typename W::Words x = W::broadcast(row + i * t.a_stride);
        for (int j = 0; j < NV; ++j) acc[i][j] = W::dot(acc[i][j], x, bv[j]);
      }
    }
  }
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) W::store(sums + i * t.sums_stride + j * W::kLanes, acc[i][j]);
}

using WordTile = void (*)(const WordBlock&, const std::byte* a, uint32_t* sums, const uint32_t* ahead,
                          int64_t ahead_lines);

/// A block by tiles of nearly equal heights; tiles[h] has h rows.
template <int MR>
void word_block(const WordBlock& t, const WordTile* tiles) {
  const int64_t count = (t.rows + MR - 1) / MR, lines = t.ahead != nullptr ? t.ahead_words / 16 : 0;
  const int64_t height = t.rows / count, taller = t.rows % count;
  const std::byte* a = t.a;
  auto* sums = static_cast<uint32_t*>(t.sums);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t rows = height + (i < taller ? 1 : 0), from = lines * i / count;
    tiles[rows](t, a, sums, lines > 0 ? t.ahead + from * 16 : nullptr, lines * (i + 1) / count - from);
    a += rows * t.a_stride;
    sums += rows * t.sums_stride;
  }
}

inline void no_begin(int64_t) {}
