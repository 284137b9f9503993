#include "kernels/word_rows.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/finish.h"

namespace fovea::kernels {
namespace {

std::vector<float> odd_floats(int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random);
  x[0] = 1 + 0x1p-8f;  // halves: to the even neighbour
  if (n > 3) x[1] = 1 + 3 * 0x1p-8f, x[2] = std::numeric_limits<float>::infinity(), x[3] = -0.0f;
  return x;
}

TEST(WordRows, RoundAsBf16Does) {
  for (int64_t n : {1, 5, 16, 31, 64, 77}) {
    const std::vector<float> even = odd_floats(n, 1), odd = odd_floats(n, 2);
    const auto size = static_cast<size_t>(n);
    std::vector<bf16> narrow(size), narrow_odd(size);
    std::vector<uint32_t> words(size), again(size), alone(size);
    std::vector<float> wide(size);
    narrow_row(even.data(), n, narrow.data());
    narrow_row(odd.data(), n, narrow_odd.data());
    widen_row(narrow.data(), n, wide.data());
    pair_rows(even.data(), odd.data(), n, words.data());
    pair_rows(narrow.data(), narrow_odd.data(), n, again.data());
    pair_rows(even.data(), nullptr, n, alone.data());
    for (size_t i = 0; i < size; ++i) {
      const bf16 low(even[i]), high(odd[i]);
      ASSERT_EQ(narrow[i].bits, low.bits) << i << " of " << n;
      ASSERT_EQ(wide[i], static_cast<float>(low));
      ASSERT_EQ(words[i], low.bits | static_cast<uint32_t>(high.bits) << 16);
      ASSERT_EQ(again[i], words[i]);
      ASSERT_EQ(alone[i], low.bits);
    }
  }
}

TEST(WordRows, NanStaysNan) {
  std::vector<float> x(20);
  const uint32_t all_ones = 0x7fffffff;  // a carry would make it -0
  for (float& v : x) std::memcpy(&v, &all_ones, 4);
  std::vector<bf16> y(20);
  narrow_row(x.data(), 20, y.data());
  for (bf16 v : y) EXPECT_TRUE(std::isnan(static_cast<float>(v)));
}

TEST(Finish, ScalesAddsAndActivatesInEveryFormat) {
  const int64_t rows = 5, sums_stride = 48;
  for (int64_t columns : {1, 16, 23, 40})
    for (int which = 0; which < 32; ++which) {
      const bool residual_bf16 = (which & 1) != 0, out_bf16 = (which & 2) != 0, last = (which & 4) != 0;
      const std::vector<float> sums = odd_floats(rows * sums_stride, 3), bias = odd_floats(columns, 4),
                               scale = odd_floats(columns, 5);
      std::vector<float> r(static_cast<size_t>(rows * columns));
      std::vector<bf16> narrow(r.size());
      for (size_t i = 0; i < r.size(); ++i) {
        narrow[i] = bf16(static_cast<float>(i) * 0.37f - 3);
        r[i] = static_cast<float>(narrow[i]);
      }
      std::vector<std::byte> c(static_cast<size_t>(rows * columns * 4));
      Finish f;
      f.bias = which & 8 ? bias.data() : nullptr;
      f.scale = which & 16 ? scale.data() : nullptr;
      f.residual = {
          reinterpret_cast<const std::byte*>(residual_bf16 ? static_cast<const void*>(narrow.data()) : r.data()),
          columns, residual_bf16};
      f.residual_last = last;
      f.activation.kind = ActivationKind::relu;
      finish_rows(f, sums.data(), sums_stride, rows, columns, {c.data(), columns, out_bf16});
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          const auto column = static_cast<size_t>(j);
          const double sum = sums[static_cast<size_t>(i * sums_stride + j)],
                       extra = r[static_cast<size_t>(i * columns + j)];
          double x = sum * (f.scale ? scale[column] : 1) + (f.bias ? bias[column] : 0);
          x = last ? std::max(x, 0.0) + extra : std::max(x + extra, 0.0);
          float got = 0;
          bf16 brief;
          const std::byte* at = c.data() + (i * columns + j) * (out_bf16 ? 2 : 4);
          if (out_bf16) {
            std::memcpy(&brief, at, 2);
            got = static_cast<float>(brief);
          } else {
            std::memcpy(&got, at, 4);
          }
          if (std::isinf(x) || std::isnan(x)) continue;  // the test's own infinity
          ASSERT_NEAR(got, x, std::abs(x) * (out_bf16 ? 0x1p-8 : 0x1p-21) + 1e-5) << which << " at " << i << ", " << j;
        }
    }
}

TEST(Finish, ActivatesAsExactlyAsTheResultIsRounded) {
  const int64_t rows = 40, columns = 32;
  std::vector<float> sums(static_cast<size_t>(rows * columns));
  for (size_t i = 0; i < sums.size(); ++i) sums[i] = (static_cast<float>(i) - 640) * 0.0123f;
  sums[7] = 300;
  sums[8] = -300;
  sums[9] = std::nanf("");
  for (const bool silu : {true, false}) {
    std::vector<bf16> c(sums.size());
    Finish f;
    f.activation = {silu ? ActivationKind::silu : ActivationKind::gelu, 1, 0};
    finish_rows(f, sums.data(), columns, rows, columns, {reinterpret_cast<std::byte*>(c.data()), columns, true});
    for (size_t i = 0; i < sums.size(); ++i) {
      const double x = sums[i], want = silu ? x / (1 + std::exp(-x)) : x / 2 * std::erfc(-x / std::sqrt(2.0));
      const auto got = static_cast<double>(static_cast<float>(c[i]));
      if (std::isnan(want))
        EXPECT_TRUE(std::isnan(got));
      else
        ASSERT_NEAR(got, want, std::abs(want) * 0x1p-8 + 1.5e-4) << x;
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
