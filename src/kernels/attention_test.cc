#include "kernels/attention.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

TEST(AttentionKernels, TheActiveInstructionSetRuns) {
  const std::string target = attention_target();
  if (active_isa() == Isa::avx2) {
    EXPECT_EQ(target, "AVX2");
  }
  if (active_isa() == Isa::portable) {
    EXPECT_NE(target.substr(0, 3), "AVX");
  }
}

TEST(AttentionKernels, ScaledRowsMayLieApart) {
  const auto x = random_floats(100, 4);
  for (const int64_t n : {1, 7, 8, 20, 33}) {
    std::vector<float> near(static_cast<size_t>(n)), far = near;
    scale_row(x.data(), 1, 0.5f, near.data(), n);
    scale_row(x.data(), 3, 0.5f, far.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(near[static_cast<size_t>(i)], 0.5f * x[static_cast<size_t>(i)]);
      EXPECT_EQ(far[static_cast<size_t>(i)], 0.5f * x[static_cast<size_t>(3 * i)]);
    }
  }
}

TEST(AttentionKernels, NumeratorsMatchDoublesWithAndWithoutAMask) {
  for (const int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 577, 1025}) {
    const auto x = random_floats(n, 5, 6), mask = random_floats(n, 6, 3);
    for (const bool masked : {false, true}) {
      std::vector<float> y = x;
      const float factor = exp_row(y.data(), masked ? mask.data() : nullptr, n);
      std::vector<double> want(x.size());
      double most = -HUGE_VAL, total = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        want[i] = static_cast<double>(x[i] + (masked ? mask[i] : 0.0f));
        most = std::max(most, want[i]);
      }
      for (double& v : want) total += v = std::exp(v - most);
      // x - largest, d, is rounded to half a unit in its last place, of which exp makes a relative error of 6e-8 d; and
      // so does exp itself where there is no fused multiply-add. The sum is of numbers with small d.
      for (size_t i = 0; i < x.size(); ++i) {
        const double d = most - static_cast<double>(x[i] + (masked ? mask[i] : 0.0f));
        EXPECT_NEAR(y[i] * factor, want[i] / total, (2e-6 + 1.4e-7 * d) * want[i] / total + 1e-37) << d;
      }
    }
  }
}

// The largest score is 0, so that nothing but the exponential itself rounds; what it gives from -86.5 down is the same.
TEST(AttentionKernels, TheExponentialKeepsItsBound) {
  const std::string target = attention_target();
  const bool fused = target.starts_with("AVX") || target.starts_with("NEON");
  constexpr double kLowest = -86.5;
  std::vector<float> x{0};
  for (int i = 0; i <= 200000; ++i) x.push_back(-static_cast<float>(i) / 2000);  // 0 to -100
  for (const float below : {-86.49999f, -86.50001f, -87.3365f, -88.0f, -103.98f, -1e4f, -1e30f, -HUGE_VALF})
    x.push_back(below);
  std::vector<float> y = x;
  const float factor = exp_row(y.data(), nullptr, static_cast<int64_t>(x.size()));
  double sum = 0;
  for (const float v : y) sum += v;
  EXPECT_NEAR(factor * sum, 1, 1e-4);  // many sums in one float
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = std::max(static_cast<double>(x[i]), kLowest), want = std::exp(d);
    ASSERT_NEAR(y[i], want, want * (2.5e-7 - d * (fused ? 1.4e-8 : 7.4e-8))) << x[i] << " " << target;
  }
}

TEST(AttentionKernels, MaskedScoresVanishAndAFullyMaskedRowIsNaN) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x(19, 1.0f), mask(19, -inf);
  mask[3] = mask[18] = 0;
  const float factor = exp_row(x.data(), mask.data(), 19);
  EXPECT_FLOAT_EQ(x[3] * factor, 0.5f);
  EXPECT_LT(x[4] * factor, 1e-37f);
  std::vector<float> none(19, -inf);
  EXPECT_TRUE(std::isnan(exp_row(none.data(), nullptr, 19)));
  std::vector<float> nan(19, 0.0f);
  nan[7] = std::nanf("");
  EXPECT_TRUE(std::isnan(exp_row(nan.data(), nullptr, 19)));
}

TEST(AttentionKernels, NumeratorsInBf16LieWhereTheScoresLay) {
  for (const int64_t n : {1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 577})
    for (const bool masked : {false, true}) {
      auto x = random_floats(n, 8, 6), mask = random_floats(n, 9, 3);
      if (n > 2) x[1] = -std::numeric_limits<float>::infinity();
      std::vector<double> want(x.size());
      double most = -1e30, sum = 0;
      for (size_t i = 0; i < x.size(); ++i) most = std::max(most, want[i] = x[i] + (masked ? mask[i] : 0.0));
      for (double& w : want) sum += w = std::exp(w - most);
      auto* y = reinterpret_cast<bf16*>(x.data());
      const float factor = exp_row_bf16(x.data(), masked ? mask.data() : nullptr, n, y);
      EXPECT_NEAR(factor * sum, 1, 1e-5) << n;
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(static_cast<float>(y[i]), want[i], want[i] * 0x1.02p-8 + 1e-37) << n << " at " << i;
    }
}

TEST(AttentionKernels, NanInAScoreReachesTheFactor) {
  std::vector<float> x(40, 1.0f), lowest(40, -std::numeric_limits<float>::infinity());
  x[17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(exp_row_bf16(x.data(), nullptr, 40, reinterpret_cast<bf16*>(x.data()))));
  EXPECT_TRUE(std::isnan(exp_row_bf16(lowest.data(), nullptr, 40, reinterpret_cast<bf16*>(lowest.data()))));
}

}  // namespace
}  // namespace fovea::kernels
