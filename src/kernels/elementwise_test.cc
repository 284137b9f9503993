#include "kernels/elementwise.h"

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

constexpr int64_t kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 100, 1025};

/// The largest |f(x) - g(x)| / max(|g(x)|, floor) over [low, high].
double worst_error(ActivationKind kind, double (*exact)(double), float low, float high, double floor = 0x1p-126) {
  std::vector<float> x, y;
  for (int i = 0; i <= 200000; ++i) x.push_back(low + (high - low) * static_cast<float>(i) / 200000.0f);
  y.resize(x.size());
  activate({kind, 1.0f, 0.0f}, x.data(), y.data(), static_cast<int64_t>(x.size()));
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double g = exact(static_cast<double>(x[i]));
    worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - g) / std::max(std::fabs(g), floor));
  }
  return worst;
}

TEST(Elementwise, TheActiveInstructionSetRuns) {
  const std::string target = elementwise_target();
  if (active_isa() == Isa::avx2) {
    EXPECT_EQ(target, "AVX2");
  }
  if (active_isa() == Isa::avx512) {
    EXPECT_EQ(target.substr(0, 4), "AVX3");
  }
  if (active_isa() == Isa::portable) {
    EXPECT_NE(target.substr(0, 3), "AVX");
  }
}

TEST(Elementwise, FunctionsKeepTheirStatedErrors) {
  EXPECT_LT(worst_error(
                ActivationKind::exp, [](double x) { return std::exp(x); }, -87.0f, 88.0f),
            3e-7);
  EXPECT_LT(worst_error(
                ActivationKind::tanh, [](double x) { return std::tanh(x); }, -12, 12),
            5e-7);
  EXPECT_LT(worst_error(
                ActivationKind::erf, [](double x) { return std::erf(x); }, -5, 5),
            5e-7);
  EXPECT_LT(worst_error(
                ActivationKind::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80),
            5e-7);
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  EXPECT_LT(worst_error(ActivationKind::silu, silu, -80, 80), 5e-7);
  // Gelu's negative side is a difference of nearly equal numbers: the error is relative to x there.
  const auto gelu = [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; };
  EXPECT_LT(worst_error(ActivationKind::gelu, gelu, -6, 6, 1), 1.2e-6);
}

TEST(Elementwise, ExpHasItsLimits) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x{0.0f, -0.0f, -inf, inf, 89.0f, -104.0f, 88.5f, std::nanf("")};
  std::vector<float> y(x.size());
  activate({ActivationKind::exp, 0, 0}, x.data(), y.data(), static_cast<int64_t>(x.size()));
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[1], 1.0f);
  EXPECT_EQ(y[2], 0.0f);
  EXPECT_EQ(y[3], inf);
  EXPECT_EQ(y[4], inf);
  EXPECT_EQ(y[5], 0.0f);
  EXPECT_NEAR(y[6] / std::exp(88.5), 1, 1e-6);
  EXPECT_TRUE(std::isnan(y[7]));
}

TEST(Elementwise, BinaryFunctionsBroadcastEitherSideAndWorkInPlace) {
  for (int64_t n : kSizes) {
    const auto a = random_floats(n, 1), b = random_floats(n, 2);
    for (int which = 0; which < 3; ++which) {
      const bool ra = which == 1, rb = which == 2;
      std::vector<float> y = a;
      if (ra) y = b;
      const float* p = ra ? a.data() : y.data();
      const float* q = ra ? y.data() : b.data();
      binary(BinaryKind::sub, p, ra, q, rb, y.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const auto k = static_cast<size_t>(i);
        ASSERT_EQ(y[k], (ra ? a[0] : a[k]) - (rb ? b[0] : b[k]));
      }
    }
  }
}

TEST(Elementwise, GatesMultiplyAFunctionOfTheOneByTheOther) {
  for (int64_t n : kSizes) {
    const auto a = random_floats(n, 8), b = random_floats(n, 9);
    std::vector<float> y = a;
    gate_row({ActivationKind::silu, 1, 0}, y.data(), b.data(), y.data(), n);
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = a[i];
      EXPECT_NEAR(y[i], x / (1 + std::exp(-x)) * b[i], 2e-6);
    }
  }
}

TEST(Elementwise, GatesInBf16AreAsExactAsTheirRounding) {
  for (int64_t n : kSizes)
    for (const ActivationKind kind : {ActivationKind::silu, ActivationKind::gelu, ActivationKind::relu}) {
      const auto a = random_floats(n, 8, 6), b = random_floats(n, 9);
      std::vector<bf16> p, q;
      for (float v : a) p.emplace_back(v);
      for (float v : b) q.emplace_back(v);
      p[0] = bf16(90.0f);
      p.back() = bf16(-90.0f);
      std::vector<bf16> y = p;
      gate_row({kind, 1, 0}, y.data(), q.data(), y.data(), n);
      for (size_t i = 0; i < y.size(); ++i) {
        const double x = static_cast<float>(p[i]), factor = static_cast<float>(q[i]);
        const double open = kind == ActivationKind::silu   ? x / (1 + std::exp(-x))
                            : kind == ActivationKind::gelu ? x / 2 * std::erfc(-x / std::sqrt(2.0))
                                                           : std::max(x, 0.0);
        ASSERT_NEAR(static_cast<float>(y[i]), open * factor, (std::abs(open) * 0x1p-8 + 2e-4) * std::abs(factor));
      }
    }
}

TEST(Elementwise, SoftmaxRowsSumToOne) {
  for (int64_t n : kSizes) {
    const auto x = random_floats(n, 3, 5);
    std::vector<float> y = x;
    softmax_row(y.data(), y.data(), n);
    double total = 0, most = -1e30;
    for (float v : x) most = std::max(most, static_cast<double>(v));
    for (float v : x) total += std::exp(v - most);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], std::exp(x[i] - most) / total, 2e-6);
  }
}

TEST(Elementwise, NormalisedRowsMatchDoubles) {
  for (int64_t n : kSizes) {
    const auto x = random_floats(n, 4, 3), scale = random_floats(n, 5), bias = random_floats(n, 6);
    std::vector<float> layer(x.size()), rms(x.size());
    layer_norm_row(x.data(), scale.data(), bias.data(), 1e-5f, layer.data(), n);
    rms_norm_row(x.data(), scale.data(), 1e-5f, rms.data(), n);
    double mean = 0, variance = 0, square = 0;
    for (float v : x) mean += v / static_cast<double>(n);
    for (float v : x) variance += (v - mean) * (v - mean) / static_cast<double>(n);
    for (float v : x) square += static_cast<double>(v) * v / static_cast<double>(n);
    for (size_t i = 0; i < x.size(); ++i) {
      // A row of one element has variance 0: rounding of the mean is blown up by 1 / sqrt(epsilon).
      const double tolerance = n == 1 ? 1e-3 : 1e-5;
      EXPECT_NEAR(layer[i], (x[i] - mean) / std::sqrt(variance + 1e-5) * scale[i] + bias[i], tolerance);
      EXPECT_NEAR(rms[i], x[i] / std::sqrt(square + 1e-5) * scale[i], tolerance);
    }
  }
}

TEST(Elementwise, SumsRunOverRowsAndColumns) {
  for (int64_t n : kSizes) {
    const auto x = random_floats(5 * n, 7);
    std::vector<float> y(static_cast<size_t>(n));
    sum_rows(x.data(), 5, n, n, 0.2f, y.data());
    double all = 0;
    for (float v : x) all += v;
    for (int64_t c = 0; c < n; ++c) {
      double column = 0;
      for (int64_t r = 0; r < 5; ++r) column += x[static_cast<size_t>(r * n + c)];
      EXPECT_NEAR(y[static_cast<size_t>(c)], column / 5, 1e-6);
    }
    EXPECT_NEAR(sum(x.data(), 5 * n, 1.0f), all, 1e-4 + std::fabs(all) * 1e-5);
  }
}

}  // namespace
}  // namespace fovea::kernels
