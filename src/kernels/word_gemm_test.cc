#include "kernels/word_gemm.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/checked.h"

namespace fovea::kernels {
namespace {

/// Rows of words for a kernel, with all taps of a row behind each other, and what they multiply to in double precision.
struct Problem {
  const WordKernel& kernel;
  int64_t rows, n, taps, depth;
  std::vector<double> a, b;  // [rows][taps][depth], [taps][depth][n]
  std::vector<uint32_t> words, packed;

  Problem(const WordKernel& k, int64_t rows_, int64_t n_, int64_t taps_, int64_t depth_)
      : kernel(k), rows(rows_), n(n_), taps(taps_), depth(depth_) {
    const auto at = [](int64_t i) { return static_cast<size_t>(i); };
    std::mt19937 random(static_cast<unsigned>(rows * 131 + n * 17 + taps * 5 + depth));
    a.resize(at(rows * taps * depth));
    b.resize(at(taps * depth * n));
    packed.resize(at(panel_count(kernel, n) * panel_words(kernel, taps, depth)));
    words.resize(at(padded_rows(kernel, rows) * row_words()));
    if (kernel.format == WordFormat::bf16) {
      std::normal_distribution<float> normal;
      std::vector<float> weights(b.size());
      for (double& x : a) x = static_cast<float>(bf16(normal(random)));
      for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(bf16(weights[i] = normal(random)));
      const WordSource<float> source{weights.data(), n, taps, depth, 1, depth * n, n};
      pack_words(kernel, source, 0, panel_count(kernel, n), packed.data());
    } else {
      std::uniform_int_distribution<int> u8(0, 255), s8(-128, 127);
      std::vector<int8_t> weights(b.size());
      for (double& x : a) x = u8(random);
      for (size_t i = 0; i < b.size(); ++i) b[i] = weights[i] = static_cast<int8_t>(s8(random));
      const WordSource<int8_t> source{weights.data(), n, taps, depth, 1, depth * n, n};
      pack_words(kernel, source, 0, panel_count(kernel, n), packed.data());
    }
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t k2 = 0; k2 < depth; ++k2) put(row, t, k2, a[at((row * taps + t) * depth + k2)]);
  }

  int64_t row_words() const { return taps * tap_words(kernel, depth); }

  void put(int64_t row, int64_t tap, int64_t k, double x) {
    auto* to = reinterpret_cast<std::byte*>(words.data() + row * row_words() + tap * tap_words(kernel, depth));
    const auto bytes = static_cast<uint8_t>(x);
    const auto shorts = static_cast<int16_t>(x);
    const bf16 brief(static_cast<float>(x));
    switch (kernel.format) {
      case WordFormat::bf16: std::memcpy(to + k * 2, &brief, 2); break;
      case WordFormat::i8: std::memcpy(to + k, &bytes, 1); break;
      case WordFormat::i16: std::memcpy(to + k * 2, &shorts, 2); break;
    }
  }

  void check(bool halves = false) const {
    std::vector<int64_t> offsets;
    for (int64_t t = 0; t < taps; ++t) offsets.push_back(t * tap_words(kernel, depth) * 4);
    constexpr uint32_t kGuard = 0xdeadbeef;
    std::vector<uint32_t> room(static_cast<size_t>(padded_rows(kernel, rows) * kernel.columns + 64), kGuard);
    uint32_t* sums = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) / 4 % 16;
    WordBlock block;
    block.a = reinterpret_cast<const std::byte*>(words.data());
    block.a_stride = row_words() * 4;
    block.tap_offsets = offsets.data();
    block.taps = taps;
    block.words = tap_words(kernel, depth);
    block.rows = rows;
    block.sums = sums;
    block.sums_stride = kernel.columns;
    block.ahead = packed.data();
    block.ahead_words = static_cast<int64_t>(packed.size());
    block.group_rows = group_rows(kernel, rows);
    kernel.begin(block.group_rows);
    for (int64_t p = 0; p < panel_count(kernel, n); ++p) {
      block.panel = packed.data() + p * panel_words(kernel, taps, depth);
      kernel.block(block);
      if (halves) {  // again, in two parts
        WordBlock part = block;
        part.taps = taps / 2;
        kernel.block(part);
        part.panel += part.taps * part.words * kernel.columns;
        part.tap_offsets += part.taps;
        part.taps = taps - part.taps;
        part.accumulate = true;
        kernel.block(part);
      }
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t j = 0; j < std::min<int64_t>(kernel.columns, n - p * kernel.columns); ++j)
          compare(row, p * kernel.columns + j, sums[row * kernel.columns + j]);
    }
    const uint32_t* behind = sums + padded_rows(kernel, rows) * kernel.columns;
    for (int i = 0; i < 16; ++i) ASSERT_EQ(behind[i], kGuard);
  }

  void compare(int64_t row, int64_t column, uint32_t got) const {
    double want = 0, size = 0;
    for (int64_t k = 0; k < taps * depth; ++k) {
      const double product = a[static_cast<size_t>(row * taps * depth + k)] * b[static_cast<size_t>(k * n + column)];
      want += product;
      size += std::abs(product);
    }
    if (kernel.format == WordFormat::bf16) {
      float value;
      std::memcpy(&value, &got, 4);
      // Products of bf16 are exact in f32; each addition rounds to 2^-24.
      ASSERT_NEAR(value, want, size * static_cast<double>(taps * depth) * 0x1p-24 + 1e-30)
          << kernel.name << " at " << row << ", " << column;
    } else {
      ASSERT_EQ(static_cast<int32_t>(got), static_cast<int32_t>(want))
          << kernel.name << " at " << row << ", " << column;
    }
  }
};

class WordGemm : public testing::TestWithParam<WordFormat> {};

TEST_P(WordGemm, MultipliesAnyShape) {
  const WordKernel* const* kernels = nullptr;
  const int count = word_kernels(GetParam(), &kernels);
  if (count == 0) GTEST_SKIP() << "this CPU, or FOVEA_ISA, has no product of this format";
  for (int i = 0; i < count; ++i) {
    for (int64_t rows : {1, 2, 5, 7, 12, 13, 15, 16, 17, 31, 32, 33, 49, 65})
      Problem(*kernels[i], rows, 40, 1, 70).check();
    for (int64_t depth : {1, 2, 3, 4, 31, 32, 64, 65, 300}) Problem(*kernels[i], 19, 33, 1, depth).check();
    for (int64_t taps : {2, 9})
      for (bool halves : {false, true}) Problem(*kernels[i], 35, 64, taps, 24).check(halves);
  }
}

/// What a kernel makes that finishes sums by itself, beside block() and finish_rows(): the same bits.
struct FinishedCase {
  int64_t rows, n, taps, depth;
  bool residual, residual_bf16, y_bf16, skips, halves, residual_last;
  int64_t stride;  // of y and the residual: of one group of a convolution it is more than n
  Activation activation;
};

std::vector<std::byte> finished(const Problem& p, const FinishedCase& c, bool by_itself) {
  const WordKernel& kernel = p.kernel;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> bias(static_cast<size_t>(c.n)), wide(static_cast<size_t>(c.rows * c.stride));
  for (float& x : bias) x = normal(random);
  for (float& x : wide) x = normal(random);
  std::vector<bf16> brief;
  for (float x : wide) brief.push_back(bf16(x));
  std::vector<std::byte> y(static_cast<size_t>(c.rows * c.stride * 4), std::byte{0x77});
  std::vector<int32_t> table;  // every fifth row is nobody's
  for (int32_t row = 0, i = 0; i < c.rows; ++i) table.push_back(i % 5 == 3 ? -1 : row++);
  std::vector<int64_t> offsets;
  for (int64_t t = 0; t < c.taps; ++t) offsets.push_back(t * tap_words(kernel, c.depth) * 4);
  std::vector<float> sums(static_cast<size_t>(padded_rows(kernel, c.rows) * kernel.columns));
  const int64_t panel = panel_words(kernel, c.taps, c.depth), panels = panel_count(kernel, c.n);
  WordBlock block;
  block.a = reinterpret_cast<const std::byte*>(p.words.data());
  block.a_stride = p.row_words() * 4;
  block.tap_offsets = offsets.data();
  block.taps = c.taps;
  block.words = tap_words(kernel, c.depth);
  block.rows = c.rows;
  block.group_rows = group_rows(kernel, c.rows);
  block.panel = p.packed.data();
  block.sums = sums.data();
  block.sums_stride = kernel.columns;
  WordEnd end;
  end.finish.bias = bias.data();
  if (c.residual)
    end.finish.residual = {c.residual_bf16 ? reinterpret_cast<const std::byte*>(brief.data())
                                           : reinterpret_cast<const std::byte*>(wide.data()),
                           c.stride, c.residual_bf16};
  end.finish.residual_last = c.residual_last;
  end.finish.activation = c.activation;
  end.y = {y.data(), c.stride, c.y_bf16};
  end.columns = c.n;
  if (c.skips) end.rows = table.data();
  kernel.begin(block.group_rows);
  if (by_itself && !c.halves) {
    block.sums = nullptr;
    kernel.finish_panels(block, end, panel);
    return y;
  }
  for (int64_t i = 0; i < panels; ++i, block.panel = p.packed.data() + i * panel) {
    const WordEnd here = end.from_column(i * kernel.columns);
    WordBlock part = block;
    if (c.halves) {
      part.taps = c.taps / 2;
      kernel.block(part);
      part.panel += part.taps * part.words * kernel.columns;
      part.tap_offsets += part.taps;
      part.taps = c.taps - part.taps;
      part.accumulate = true;
    }
    if (by_itself) {
      WordEnd one = here;
      one.columns = std::min<int64_t>(one.columns, kernel.columns);
      kernel.finish_panels(part, one, 0);
    } else {
      kernel.block(part);
      finish_block(kernel, here, sums.data(), c.rows);
    }
  }
  return y;
}

TEST(WordKernels, FinishWhatTheySumToTheSameBits) {
  const WordKernel* kernel = bf16_kernel();
  if (kernel == nullptr || kernel->finish_panels == nullptr) GTEST_SKIP() << "no kernel finishes its sums by itself";
  for (int64_t rows : {1, 5, 13, 16, 17, 32, 33, 49, 70, 100})
    for (int64_t n : {32, 33, 64, 104})
      for (int64_t taps : {1, 9}) {
        const Problem problem(*kernel, rows, n, taps, 64);
        for (int which = 0; which < 5 * 64; ++which) {
          constexpr ActivationKind kKinds[] = {ActivationKind::none, ActivationKind::relu, ActivationKind::hard_swish,
                                               ActivationKind::gelu, ActivationKind::silu};
          const auto bit = [which](int i) { return (which >> i & 1) != 0; };
          const FinishedCase c{rows,
                               n,
                               taps,
                               64,
                               bit(0),
                               bit(1),
                               bit(2),
                               bit(3),
                               bit(4) && taps > 1,
                               bit(5),
                               n + rows % 2 * 24,
                               {kKinds[which / 64], taps > 1 ? 1.702f : 1.0f, 0}};
          Finish f;
          f.activation = c.activation;
          f.residual_last = c.residual_last;
          if (c.residual) f.residual.data = reinterpret_cast<const std::byte*>(&c);
          if (((c.residual_bf16 || c.residual_last) && !c.residual) || !finishes(*kernel, f)) continue;
          ASSERT_EQ(finished(problem, c, true), finished(problem, c, false))
              << rows << " rows, " << n << " columns, " << taps << " taps, " << which;
        }
      }
}

std::string format_name(const testing::TestParamInfo<WordFormat>& info) {
  return info.param == WordFormat::bf16 ? "bf16" : info.param == WordFormat::i8 ? "i8" : "i16";
}
INSTANTIATE_TEST_SUITE_P(Formats, WordGemm, testing::Values(WordFormat::bf16, WordFormat::i8, WordFormat::i16),
                         format_name);

TEST(WordKernels, BytesAreAlwaysThere) {
  const WordKernel& kernel = i8_kernel();
  EXPECT_TRUE(kernel.format == WordFormat::i8 || kernel.format == WordFormat::i16);
}

}  // namespace
}  // namespace fovea::kernels
