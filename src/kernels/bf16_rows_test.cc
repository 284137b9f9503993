#include "kernels/bf16_rows.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/test_numbers.h"
#include "kernels/word_rows.h"

namespace fovea::kernels {
namespace {

std::vector<bf16> narrowed(const std::vector<float>& x) {
  std::vector<bf16> y(x.size());
  narrow_row(x.data(), static_cast<int64_t>(x.size()), y.data());
  return y;
}

std::vector<float> widened(const std::vector<bf16>& x) {
  std::vector<float> y(x.size());
  widen_row(x.data(), static_cast<int64_t>(x.size()), y.data());
  return y;
}

TEST(Bf16Rows, SumsOfColumnsMatchDoublePrecision) {
  for (const int64_t columns : {1, 7, 16, 24, 72, 129})
    for (const int64_t rows : {1, 2, 3, 4, 7, 49, 196}) {
      const int64_t stride = columns + rows % 3;
      const auto x = narrowed(random_floats(rows * stride, 5));
      const auto wide = widened(x);
      std::vector<float> y(static_cast<size_t>(columns) + 1, 99.0f);
      sum_rows(x.data(), rows, stride, columns, 0.5f, y.data());
      for (int64_t c = 0; c < columns; ++c) {
        double sum = 0;
        for (int64_t r = 0; r < rows; ++r) sum += wide[static_cast<size_t>(r * stride + c)];
        ASSERT_NEAR(y[static_cast<size_t>(c)], sum * 0.5, 1e-5) << rows << " rows of " << columns;
      }
      EXPECT_EQ(y.back(), 99.0f);
    }
}

TEST(Bf16Rows, ScaledRowsAreRoundedProducts) {
  for (const int64_t columns : {1, 8, 16, 40, 72, 131}) {
    const int64_t rows = 5;
    auto x = narrowed(random_floats(rows * columns + 1, 6));
    const auto factors = random_floats(columns, 7);
    std::vector<float> want = widened(x);
    for (int64_t i = 0; i < rows * columns; ++i)
      want[static_cast<size_t>(i)] *= factors[static_cast<size_t>(i % columns)];
    const auto rounded = widened(narrowed(want));
    scale_columns(x.data(), rows, columns, factors.data(), x.data());
    EXPECT_EQ(widened(x), rounded) << columns;  // the number behind the last one, too
  }
}

}  // namespace
}  // namespace fovea::kernels
