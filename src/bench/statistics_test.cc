#include "bench/statistics.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

TEST(Statistics, QuantilesAreLinearBetweenValues) {
  const std::vector<double> values{4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(median(values), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 3.7);
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(Statistics, OneValueIsItsOwnInterval) {
  const Interval interval = bootstrap_median(std::vector<double>{7});
  EXPECT_EQ(interval.low, 7);
  EXPECT_EQ(interval.high, 7);
}

TEST(Statistics, TheIntervalHoldsTheTrueMedianAboutAsOftenAsItSays) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal(10, 1);
  int held = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(25);
    for (double& value : values) value = normal(random);
    const Interval interval = bootstrap_median(values, 0.95, 500);
    held += interval.low <= 10 && 10 <= interval.high;
  }
  EXPECT_GT(held, kTrials * 0.90);
  EXPECT_LT(held, kTrials);
}

TEST(Statistics, PairedRatiosCancelWhatTheMachineDid) {
  // Rounds at clocks that differ by a factor of two; the subject always takes two thirds.
  const std::vector<double> baseline{3, 6, 4.5, 3}, subject{2, 4, 3, 2};
  const PairedRatio ratio = paired_ratio(baseline, subject);
  EXPECT_DOUBLE_EQ(ratio.median, 1.5);
  EXPECT_DOUBLE_EQ(ratio.interval.high - ratio.interval.low, 0);
}

TEST(Statistics, RoundsThatWereDroppedDoNotCount) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PairedRatio ratio = paired_ratio(std::vector<double>{2, nan, 4}, std::vector<double>{1, 1, nan});
  EXPECT_EQ(ratio.rounds, 1u);
  EXPECT_DOUBLE_EQ(ratio.median, 2);
}

TEST(Statistics, GeometricMeanOfRatiosAndTheirInversesIsOne) {
  EXPECT_NEAR(geometric_mean(std::vector<double>{2, 0.5, 4, 0.25}), 1, 1e-15);
}

}  // namespace
}  // namespace fovea::bench
