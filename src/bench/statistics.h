// What is said of a set of timings: quantiles, and ratios with an interval that tells how far to believe them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fovea::bench {

/// The q-quantile (0 <= q <= 1), linear between the two nearest of the sorted values. NaN where there are none.
double quantile(std::span<const double> values, double q);
inline double median(std::span<const double> values) { return quantile(values, 0.5); }

struct Interval {
  double low = 0, high = 0;
};

/// The interval in which `confidence` of the medians of resampled values lie (percentile bootstrap, Efron 1979). The
/// same seed gives the same interval. Both ends NaN where there are no values.
Interval bootstrap_median(std::span<const double> values, double confidence = 0.95, int resamples = 2000,
                          uint64_t seed = 1);

/// Two ways timed side by side: how many times faster than the baseline, as the median of the rounds' own ratios, which
/// cancels what the machine did to both in a round.
struct PairedRatio {
  double median = 0;
  Interval interval;
  size_t rounds = 0;
};
/// `baseline` and `subject` hold one time for each round, in the same order. Rounds where either is NaN do not count.
PairedRatio paired_ratio(std::span<const double> baseline, std::span<const double> subject);

/// The geometric mean of positive values. NaN where there are none.
double geometric_mean(std::span<const double> values);

}  // namespace fovea::bench
