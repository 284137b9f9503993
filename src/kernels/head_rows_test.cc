#include "kernels/head_rows.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "fovea/dtype.h"
#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

/// Numbers of either form, rows `stride` apart.
struct Rows {
  std::vector<float> wide;
  std::vector<bf16> narrow;
  int64_t stride;

  Rows(int64_t rows, int64_t row_stride, uint32_t seed)
      : wide(random_floats(rows * row_stride, seed)), stride(row_stride) {
    for (const float x : wide) narrow.push_back(static_cast<bf16>(x));
  }
  RowsIn in(bool brief) const {
    return {brief ? reinterpret_cast<const std::byte*>(narrow.data()) : reinterpret_cast<const std::byte*>(wide.data()),
            stride, brief};
  }
  RowsOut out(bool brief) {
    return {brief ? reinterpret_cast<std::byte*>(narrow.data()) : reinterpret_cast<std::byte*>(wide.data()), stride,
            brief};
  }
  double at(bool brief, int64_t row, int64_t column) const {
    const auto i = static_cast<size_t>(row * stride + column);
    return brief ? static_cast<float>(narrow[i]) : wide[i];
  }
};

/// y is x in its own form: what lies beyond a row's numbers must stay.
void expect_near(const Rows& y, bool brief, int64_t row, int64_t column, double want) {
  EXPECT_NEAR(y.at(brief, row, column), want, brief ? std::abs(want) * 0x1.01p-8 + 1e-6 : 2e-6) << row << " " << column;
}

TEST(HeadRows, AreTurnedFromASkippedTokenOnAndScaled) {
  constexpr int64_t kTokens = 5, kSkip = 2;
  for (const int64_t depth : {2, 4, 6, 8, 10, 16, 30, 32, 34, 64})
    for (const int form : {0, 1, 2})  // not turned, halves, neighbours
      for (const bool narrow_x : {false, true})
        for (const bool narrow_y : {false, true}) {
          const Rows x(kTokens, depth + 3, 1);
          const auto cos = random_floats((kTokens - kSkip) * depth, 2),
                     sin = random_floats((kTokens - kSkip) * depth, 3);
          HeadRows rows{x.in(narrow_x), depth, 0.25f};
          if (form > 0) rows.cos = cos.data(), rows.sin = sin.data();
          rows.skip = kSkip;
          rows.interleaved = form == 2;
          Rows y(kTokens, depth + 1, 4);
          const Rows before = y;
          gather_head_rows(rows, 1, kTokens, y.out(narrow_y));
          for (int64_t t = 1; t < kTokens; ++t) {
            for (int64_t c = 0; c < depth; ++c) {
              double want = x.at(narrow_x, t, c);
              if (form > 0 && t >= kSkip) {
                const auto i = static_cast<size_t>((t - kSkip) * depth + c);
                const int64_t partner = form == 2 ? c ^ 1 : (c + depth / 2) % depth;
                const bool minus = form == 2 ? c % 2 == 0 : c < depth / 2;
                want = want * cos[i] + (minus ? -1 : 1) * x.at(narrow_x, t, partner) * sin[i];
              }
              expect_near(y, narrow_y, t - 1, c, 0.25 * want);
            }
            EXPECT_EQ(y.at(narrow_y, t - 1, depth), before.at(narrow_y, t - 1, depth));
          }
        }
}

TEST(HeadRows, ResultsAreScaledRowByRow) {
  constexpr int64_t kRows = 3;
  for (const int64_t columns : {1, 15, 16, 32, 40})
    for (const bool narrow_y : {false, true})
      for (const bool nan_to_zero : {false, true}) {
        const Rows x(kRows, columns + 2, 5);
        const float factors[kRows] = {0.5f, std::numeric_limits<float>::quiet_NaN(), 3.0f};
        Rows y(kRows, columns + 4, 6);
        const Rows before = y;
        scale_rows(x.wide.data(), x.stride, factors, nan_to_zero, kRows, columns, y.out(narrow_y));
        for (int64_t r = 0; r < kRows; ++r) {
          for (int64_t c = 0; c < columns; ++c)
            if (r != 1)
              expect_near(y, narrow_y, r, c, static_cast<double>(factors[r]) * x.at(false, r, c));
            else if (nan_to_zero)
              EXPECT_EQ(y.at(narrow_y, r, c), 0);
            else
              EXPECT_TRUE(std::isnan(y.at(narrow_y, r, c)));
          EXPECT_EQ(y.at(narrow_y, r, columns), before.at(narrow_y, r, columns));
        }
      }
}

}  // namespace
}  // namespace fovea::kernels
