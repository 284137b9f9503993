// Bytes: the fast kernels give the bits that the plain arithmetic of ops/fovea_q_epilogue.h gives.
#include "kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace fovea::kernels {
namespace {

std::mt19937 generator(7);

std::vector<uint8_t> random_bytes(int64_t n) {
  std::vector<uint8_t> values(static_cast<size_t>(n));
  for (uint8_t& v : values) v = static_cast<uint8_t>(generator());
  return values;
}
std::vector<float> random_floats(int64_t n, float scale) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(generator) * scale;
  return values;
}
std::vector<int32_t> random_ints(int64_t n, int32_t most) {
  std::uniform_int_distribution<int32_t> uniform(-most, most);
  std::vector<int32_t> values(static_cast<size_t>(n));
  for (int32_t& v : values) v = uniform(generator);
  return values;
}

int32_t level(float r, const ByteRange& range) {
  if (std::isnan(r)) return range.low;
  const double whole = std::nearbyint(static_cast<double>(r));
  return static_cast<int32_t>(
      std::clamp(whole + range.zero, static_cast<double>(range.low), static_cast<double>(range.high)));
}

constexpr int64_t kLengths[] = {1, 3, 16, 17, 31, 32, 33, 64, 100, 257};

TEST(Quantize, RoundsTheQuotientHalfToEvenWithinTheBounds) {
  for (const int64_t n : kLengths)
    for (const ByteRange range : {ByteRange{}, ByteRange{128, 0, 255}, ByteRange{7, 7, 200}}) {
      std::vector<float> x = random_floats(n, 3);
      if (n > 8) {
        x[0] = std::numeric_limits<float>::quiet_NaN();
        x[1] = std::numeric_limits<float>::infinity(), x[2] = -x[1];
        x[3] = 0.125f, x[4] = 0.375f, x[5] = 3e38f, x[6] = -3e38f;  // halves of 0.25, and what no integer holds
      }
      std::vector<uint8_t> y(x.size() + 1, 99);
      quantize_row(x.data(), 0.25f, range, y.data(), n);
      for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(int{y[i]}, level(x[i] / 0.25f, range)) << x[i];
      ASSERT_EQ(y.back(), 99);
    }
}

TEST(Quantize, DequantisesLooksUpAndSums) {
  const std::vector<uint8_t> table = random_bytes(256);
  for (const int64_t n : kLengths) {
    const std::vector<uint8_t> x = random_bytes(n);
    std::vector<float> y(x.size());
    dequantize_row(x.data(), 131, 0.3f, y.data(), n);
    std::vector<uint8_t> looked(x.size());
    lookup_row(x.data(), table.data(), looked.data(), n);
    int64_t sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y[i], static_cast<float>(x[i] - 131) * 0.3f);
      ASSERT_EQ(looked[i], table[x[i]]);
      sum += x[i];
    }
    EXPECT_EQ(sum_bytes(x.data(), n), sum);
  }
}

TEST(Quantize, ColumnsWithTheirOwnScales) {
  for (const int64_t columns : kLengths) {
    const int64_t rows = 3, n = rows * columns;
    const std::vector<float> x = random_floats(n, 60), spread = random_floats(columns, 1);
    const std::vector<uint8_t> bytes = random_bytes(n);
    const std::vector<int32_t> zeros = random_ints(columns, 255);
    std::vector<int32_t> valid(zeros);
    for (int32_t& z : valid) z = std::abs(z);
    std::vector<float> scales(spread);
    for (float& s : scales) s = std::fabs(s) + 0.1f;
    std::vector<uint8_t> y(static_cast<size_t>(n));
    std::vector<float> real(y.size()), centred(y.size());
    quantize_columns(x.data(), scales.data(), valid.data(), y.data(), rows, columns);
    dequantize_columns(bytes.data(), valid.data(), scales.data(), real.data(), rows, columns);
    dequantize_columns(bytes.data(), valid.data(), nullptr, centred.data(), rows, columns);
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t c = i % static_cast<size_t>(columns);
      ASSERT_EQ(int{y[i]}, level(x[i] / scales[c], {valid[c], 0, 255}));
      ASSERT_EQ(real[i], static_cast<float>(bytes[i] - valid[c]) * scales[c]);
      ASSERT_EQ(centred[i], static_cast<float>(bytes[i] - valid[c]));
    }
  }
}

TEST(Quantize, RowsAreSummedAndTheLargestFound) {
  for (const int64_t channels : kLengths) {
    const int64_t rows = 5;
    const std::vector<uint8_t> x = random_bytes(rows * channels);
    std::vector<int32_t> sums(static_cast<size_t>(channels));
    sum_byte_rows(x.data(), rows, channels, channels, sums.data());
    for (size_t c = 0; c < sums.size(); ++c) {
      int32_t sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += x[static_cast<size_t>(r * channels) + c];
      ASSERT_EQ(sums[c], sum);
    }
  }
}

TEST(Quantize, WindowsAlongLines) {
  for (const int64_t channels : kLengths) {
    // Two lines of nine pixels, four windows two pixels apart, whose two taps are two pixels apart.
    const std::vector<uint8_t> x = random_bytes(2 * 9 * channels);
    const uint8_t* lines[] = {x.data() + 9 * channels, x.data()};
    const ByteWindows w{lines, 2, 2, 2 * channels, 2 * channels, channels, 3};
    std::vector<int32_t> sums(static_cast<size_t>(3 * channels));
    std::vector<uint8_t> most(sums.size());
    sum_windows(w, sums.data());
    max_of_windows(w, most.data());
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t c = 0; c < channels; ++c) {
        int32_t sum = 0, largest = 0;
        for (int64_t l = 0; l < 2; ++l)
          for (int64_t t = 0; t < 2; ++t) {
            const int32_t v = x[static_cast<size_t>((l * 9 + 2 * i + 2 * t) * channels + c)];
            sum += v;
            largest = std::max(largest, v);
          }
        ASSERT_EQ(sums[static_cast<size_t>(i * channels + c)], sum);
        ASSERT_EQ(int{most[static_cast<size_t>(i * channels + c)]}, largest);
      }
  }
}

TEST(Quantize, InterleavesAndFindsBounds) {
  for (const int64_t n : kLengths) {
    const std::vector<uint8_t> x = random_bytes(4 * n);
    const uint8_t* const rows[] = {x.data(), x.data() + n, x.data() + 2 * n, x.data() + 3 * n};
    std::vector<uint32_t> words(static_cast<size_t>(n) + 1, 7);
    interleave_signed(rows, n, words.data());
    for (int64_t i = 0; i < n; ++i)
      for (int r = 0; r < 4; ++r)
        ASSERT_EQ(words[static_cast<size_t>(i)] >> (8 * r) & 255, uint32_t{rows[r][i]} ^ 0x80);
    ASSERT_EQ(words.back(), 7u);
    std::vector<float> f = random_floats(n, 5);
    f[static_cast<size_t>(n) / 2] = std::numeric_limits<float>::quiet_NaN();
    float least = 1, most = -1, low = 0, high = 0;
    least_and_most(f.data(), n, &least, &most);
    for (const float v : f) low = std::fmin(low, v), high = std::fmax(high, v);
    EXPECT_EQ(least, low);
    EXPECT_EQ(most, high);
  }
}

TEST(Quantize, SumsAndProductsOfOperandsOfEveryKind) {
  const std::vector<uint8_t> a = random_bytes(257), b = random_bytes(257);
  const std::vector<float> f = random_floats(257, 40);
  for (const int64_t n : kLengths)
    for (const bool product : {false, true})
      for (const bool floats : {false, true})
        for (const bool repeats : {false, true}) {
          const ByteOperand left{a.data(), nullptr, false, 120, product ? 0.003f : 0.7f};
          const ByteOperand right{floats ? nullptr : b.data(), floats ? f.data() : nullptr, repeats, 3, 0.31f};
          const ByteRange range{10, 0, 255};
          std::vector<uint8_t> y(static_cast<size_t>(n));
          std::vector<float> reals(y.size());
          binary_bytes(product, left, right, range, y.data(), nullptr, n);
          binary_bytes(product, left, right, range, nullptr, reals.data(), n);
          for (size_t i = 0; i < y.size(); ++i) {
            const size_t k = repeats ? 0 : i;
            const auto p = static_cast<float>(a[i] - 120), q = floats ? f[k] : static_cast<float>(b[k] - 3);
            float r = p * q;
            if (product) {
              r = r * left.factor;
            } else {
              const float x = p * left.factor, z = q * right.factor;
              r = x + z;
            }
            ASSERT_EQ(reals[i], r);
            ASSERT_EQ(int{y[i]}, level(r, range));
          }
        }
}

/// What finish_sums says, number by number.
float finished(const SumsFinish& f, int32_t sum, int64_t i, int64_t j) {
  float r = static_cast<float>(sum + f.correction[j] +
                               (f.row_terms ? f.row_terms[i] * (f.row_factors ? f.row_factors[j] : 1) : 0)) *
            f.multiplier[j];
  if (f.offset) r = r + f.offset[j];
  const auto stage = [](const ByteStage& s, float v) {
    return static_cast<float>(level(v, s.range) - s.range.zero) * s.scale;
  };
  if (f.row_stage.scale != 0) {
    r = stage(f.row_stage, r);
    r = r + f.row[j];
  }
  if (f.inner_stage.scale != 0) r = stage(f.inner_stage, r);
  float residual = 0;
  if (f.residual_bytes)
    residual = static_cast<float>(f.residual_bytes[i * f.residual_stride + j] - f.residual_zero) * f.residual_scale;
  if (f.residual_floats) residual = f.residual_floats[i * f.residual_stride + j] * f.residual_scale;
  const bool has_residual = f.residual_bytes || f.residual_floats;
  if (has_residual && !f.residual_last) r = r + residual;
  if (f.activation.kind == ActivationKind::relu) r = std::max(r, 0.0f);
  if (has_residual && f.residual_last) r = r + residual;
  return r;
}

TEST(Quantize, FinishesSumsInEveryForm) {
  const std::vector<uint8_t> table = random_bytes(256);
  for (const int64_t columns : {1, 15, 16, 32, 33, 70})
    for (const int64_t rows : {1, 2, 5})
      for (int form = 0; form < 128; ++form) {
        const int64_t stride = columns + 3;
        const std::vector<int32_t> sums = random_ints(rows * stride, 200000), correction = random_ints(columns, 9000),
                                   terms = random_ints(rows, 5000);
        std::vector<float> whole(sums.begin(), sums.end());
        std::vector<float> multiplier = random_floats(columns, 0.001f);
        const std::vector<float> offset = random_floats(columns, 20), row = random_floats(columns, 30),
                                 floats = random_floats(rows * stride, 20);
        const std::vector<uint8_t> residual = random_bytes(rows * stride);
        const std::vector<int32_t> row_factors = random_ints(columns, 200);
        std::vector<int32_t> zeros, lows, highs;
        for (int32_t j = 0; j < columns; ++j) {
          zeros.push_back(j * 37 % 256);
          lows.push_back(j % 3 == 0 ? zeros.back() : 0);
          highs.push_back(j % 4 == 0 ? std::max(lows.back(), 200) : 255);
        }
        SumsFinish f;
        f.correction = correction.data();
        f.multiplier = multiplier.data();
        f.range = {9, form & 1 ? 9 : 0, form & 1 ? 220 : 255};
        if (form & 1) f.row_terms = terms.data();
        if (form % 4 == 3) f.row_factors = row_factors.data();
        if (form % 11 < 4) f.zeros = zeros.data(), f.lows = lows.data(), f.highs = highs.data();
        if (form % 13 == 2) f.y_factors = offset.data();
        if (form & 2) f.offset = offset.data();
        if (form & 4) f.row = row.data(), f.row_stage = {{100, 0, 255}, 0.9f};
        if (form & 8) f.inner_stage = {{30, 30, 255}, 1.3f};
        if (form & 16) f.residual_bytes = residual.data(), f.residual_zero = 77;
        if (form & 32 && !(form & 16)) f.residual_floats = floats.data();
        f.residual_stride = stride;
        f.residual_scale = 0.6f;
        if (form & 64) f.table = table.data();
        if (form % 5 == 0 && !f.table) f.activation.kind = ActivationKind::relu, f.y_factor = 0.5f;
        f.residual_last = form % 3 == 0;
        f.bounded = form % 7 != 0;
        std::vector<uint8_t> bytes(static_cast<size_t>(rows * stride), 201), same = bytes;
        std::vector<float> reals(bytes.size());
        finish_sums(f, sums.data(), stride, rows, columns, bytes.data(), nullptr, stride);
        finish_sums(f, whole.data(), stride, rows, columns, same.data(), nullptr, stride);
        finish_sums(f, sums.data(), stride, rows, columns, nullptr, reals.data(), stride);
        EXPECT_EQ(bytes, same);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < stride; ++j) {
            const auto at = static_cast<size_t>(i * stride + j);
            if (j >= columns) {
              ASSERT_EQ(bytes[at], 201) << "written beyond the columns";
              continue;
            }
            const float r = finished(f, sums[at], i, j);
            const auto n = static_cast<size_t>(j);
            const ByteRange range = f.zeros ? ByteRange{zeros[n], lows[n], highs[n]} : f.range;
            const float factor = f.y_factors ? f.y_factors[j] : f.y_factor;
            const int32_t y = level(f.y_factors || factor != 1 ? r * factor : r, range);
            ASSERT_EQ(reals[at], r) << "form " << form;
            ASSERT_EQ(int{bytes[at]}, f.table ? int{table[static_cast<size_t>(y)]} : y) << "form " << form;
          }
      }
}

TEST(Quantize, WhatIsFarOutsideSaturates) {
  const int32_t correction = 0;
  SumsFinish f;
  f.correction = &correction;
  for (const float multiplier : {1e6f, -1e6f, 3e38f}) {
    f.multiplier = &multiplier;
    for (const int32_t sum : {2000000000, -2000000000}) {
      uint8_t y = 1;
      finish_sums(f, &sum, 1, 1, 1, &y, nullptr, 1);
      EXPECT_EQ(int{y}, (sum > 0) == (multiplier > 0) ? 255 : 0);
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
