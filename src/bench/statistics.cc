#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace fovea::bench {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double quantile_of_sorted(std::span<const double> sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

double quantile(std::span<const double> values, double q) {
  if (values.empty()) return kNothing;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return quantile_of_sorted(sorted, q);
}

Interval bootstrap_median(std::span<const double> values, double confidence, int resamples, uint64_t seed) {
  if (values.empty()) return {kNothing, kNothing};
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<size_t> pick(0, values.size() - 1);
  std::vector<double> medians, sample(values.size());
  for (int i = 0; i < resamples; ++i) {
    for (double& value : sample) value = values[pick(random)];
    std::ranges::sort(sample);
    medians.push_back(quantile_of_sorted(sample, 0.5));
  }
  std::ranges::sort(medians);
  const double tail = (1 - confidence) / 2;
  return {quantile_of_sorted(medians, tail), quantile_of_sorted(medians, 1 - tail)};
}

PairedRatio paired_ratio(std::span<const double> baseline, std::span<const double> subject) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(baseline.size(), subject.size()); ++i)
    if (const double ratio = baseline[i] / subject[i]; !std::isnan(ratio)) ratios.push_back(ratio);
  return {median(ratios), bootstrap_median(ratios), ratios.size()};
}

double geometric_mean(std::span<const double> values) {
  if (values.empty()) return kNothing;
  double sum = 0;
  for (double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace fovea::bench
