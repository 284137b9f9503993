// Panels of fewer bits beside the formula, and the product over them beside the one over the widened panels: the same
// to the bit.
#include "kernels/narrow_panel.h"

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/checked.h"
#include "fovea/dtype.h"
#include "kernels/gemm.h"
#include "kernels/word_gemm.h"

namespace fovea::kernels {
namespace {

size_t at(int64_t i) { return static_cast<size_t>(i); }

/// A weight {depth, n} in a narrow form, and what it stands for.
struct Weight {
  NarrowFormat format;
  int64_t depth, n, columns, block;
  std::vector<std::byte> numbers;
  std::vector<float> scales, wide;  // wide: {depth, n}
  std::vector<uint8_t> zeros;
  NarrowPanels panels;

  Weight(NarrowFormat f, int64_t depth_, int64_t n_, int64_t columns_, int64_t block_, bool has_zeros)
      : format(f), depth(depth_), n(n_), columns(columns_), block(block_) {
    std::mt19937 random(static_cast<unsigned>(depth * 31 + n + static_cast<int>(f)));
    std::normal_distribution<float> normal;
    const int64_t count = ceil_div(n, columns), blocks = ceil_div(depth, block);
    numbers.resize(at(count * narrow_panel_bytes(format, columns, depth)));
    wide.resize(at(depth * n));
    std::vector<uint16_t> halves(wide.size());
    std::vector<uint8_t> bytes(wide.size());
    for (size_t i = 0; i < wide.size(); ++i) {
      const float x = normal(random);
      halves[i] = format == NarrowFormat::f16 ? f16(x).bits : bf16(x).bits;
      bytes[i] = static_cast<uint8_t>(random() & (format == NarrowFormat::u4 ? 15 : 255));
    }
    halves[0] = 1;  // the least denormal
    const bool whole = format == NarrowFormat::u8 || format == NarrowFormat::u4;
    NarrowSource source{whole ? static_cast<const void*>(bytes.data()) : halves.data(), n, depth, 1, n};
    source.flip = format == NarrowFormat::u8 ? 0x80 : 0;
    pack_narrow(format, columns, source, numbers.data());
    panels = {format, columns, depth, block, numbers.data()};
    if (whole) {
      scales.resize(at(count * blocks * columns));
      zeros.resize(scales.size());
      for (float& s : scales) s = normal(random);
      for (uint8_t& z : zeros) z = static_cast<uint8_t>(random());
      panels.scales = scales.data();
      panels.zero = 7;
      if (has_zeros) panels.zeros = zeros.data();
    }
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < n; ++j) {
        const size_t i = at(k * n + j), p = at((j / columns * blocks + k / block) * columns + j % columns);
        const int q = bytes[i] ^ source.flip;
        const float zero = has_zeros && whole ? static_cast<float>(zeros[p]) : 7.0f;
        f16 half;
        bf16 brief;
        half.bits = brief.bits = halves[i];
        wide[i] = whole                         ? (static_cast<float>(q) - zero) * scales[p]
                  : format == NarrowFormat::f16 ? static_cast<float>(half)
                                                : static_cast<float>(brief);
      }
  }
};

constexpr NarrowFormat kFormats[] = {NarrowFormat::f16, NarrowFormat::bf16, NarrowFormat::u8, NarrowFormat::u4};

TEST(NarrowPanel, AnyStretchIsTheFormulaToTheBit) {
  for (const NarrowFormat format : kFormats)
    for (const bool zeros : {false, true})
      for (const int64_t n : {1, 12, 40, 130})
        for (const int64_t block : {16, 37, 64}) {
          const int64_t depth = 37, columns = gemm_kernel(n).columns;
          const Weight w(format, depth, n, columns, std::min(block, depth), zeros);
          for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 37}, {3, 20}, {16, 1}, {31, 6}}) {
            std::vector<float> out(at(count * columns + 1), 1234.5f);
            for (int64_t p = 0; p < ceil_div(n, columns); ++p) {
              widen_panel(w.panels, p, first, count, out.data());
              for (int64_t k = 0; k < count; ++k)
                for (int64_t j = p * columns; j < std::min(n, (p + 1) * columns); ++j)
                  ASSERT_EQ(out[at(k * columns + j - p * columns)], w.wide[at((first + k) * n + j)])
                      << static_cast<int>(format) << " row " << first + k << " column " << j;
              ASSERT_EQ(out.back(), 1234.5f);
            }
          }
        }
}

TEST(NarrowPanel, ABlockMayBeLargerThanTheDepth) {
  for (const int64_t block : {int64_t{38}, std::numeric_limits<int64_t>::max()}) {
    Weight w(NarrowFormat::u8, 37, 40, gemm_kernel(40).columns, 37, true);
    w.panels.block = block;
    std::vector<float> out(at(37 * w.columns));
    widen_panel(w.panels, 0, 3, 34, out.data());
    for (int64_t k = 3; k < 37; ++k) ASSERT_EQ(out[at((k - 3) * w.columns)], w.wide[at(k * 40)]) << block;
  }
}

TEST(NarrowPanel, PanelsOfEveryKernelOfWordsAreWholeVectors) {
  const WordKernel* const* kernels = nullptr;
  for (int i = 0; i < word_kernels(WordFormat::bf16, &kernels); ++i) {
    const Weight w(NarrowFormat::u4, 20, 50, kernels[i]->columns, 20, true);
    std::vector<float> out(at(20 * w.columns));
    widen_panel(w.panels, 0, 0, 20, out.data());
    for (int64_t k = 0; k < 20; ++k)
      for (int64_t j = 0; j < std::min<int64_t>(50, w.columns); ++j)
        ASSERT_EQ(out[at(k * w.columns + j)], w.wide[at(k * 50 + j)]);
  }
}

TEST(NarrowPanel, TheProductIsThatOfTheWidenedPanels) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  for (const NarrowFormat format : kFormats)
    for (const int64_t rows : {1, 5, 100})
      for (const int64_t depth : {9, 700, 3000}) {
        const int64_t n = 70;
        const GemmKernel& kernel = gemm_kernel(n);
        const Weight w(format, depth, n, kernel.columns, std::min<int64_t>(32, depth), true);
        std::vector<float> a(at(rows * depth)), packed(at(packed_floats(kernel, n, 1, depth))), bias(at(n), 0.5f);
        for (float& x : a) x = normal(random);
        pack_panels(kernel, PackSource{w.wide.data(), n, 1, depth, 1, 0, n}, 0, panel_count(kernel, n), packed.data());
        std::vector<const float*> starts;
        for (int64_t i = 0; i < rows; ++i) starts.push_back(a.data() + i * depth);
        std::vector<float> want(at(rows * n)), got(at(rows * n)), room(at(kernel.columns * depth));
        GemmTile tile;
        tile.rows = starts.data();
        tile.row_stride = rows;
        tile.depth = depth;
        tile.c_stride = n;
        tile.epilogue.bias = bias.data();
        tile.c = want.data();
        gemm_block(kernel, tile, packed.data(), rows, n, 0, panel_count(kernel, n));
        tile.c = got.data();
        gemm_block(kernel, tile, w.panels, room.data(), rows, n, 0, panel_count(kernel, n));
        ASSERT_EQ(std::memcmp(want.data(), got.data(), want.size() * 4), 0) << rows << " x " << depth;
      }
}

}  // namespace
}  // namespace fovea::kernels
