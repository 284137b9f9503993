#include "quantize/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fovea::quantize {
namespace {

// Below, the scaling of values into bins would leave the normal numbers.
constexpr int kLeastExponent = -100, kMostExponent = 128;

int exponent_above(float magnitude) {
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  return std::clamp(exponent, kLeastExponent, kMostExponent);
}

}  // namespace

double Histogram::limit() const { return std::ldexp(1.0, exponent_); }

uint64_t Histogram::total() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }

void Histogram::widen(int exponent) {
  if (counts_.empty()) {
    counts_.assign(2 * kHalf, 0);
    exponent_ = exponent;
  }
  for (; exponent_ < exponent; ++exponent_) {
    std::vector<uint64_t> wider(2 * kHalf, 0);
    for (int64_t i = 0; i < 2 * kHalf; ++i)
      wider[static_cast<size_t>(kHalf / 2 + i / 2)] += counts_[static_cast<size_t>(i)];
    counts_ = std::move(wider);
  }
}

void Histogram::add(std::span<const float> values) {
  if (values.empty()) return;
  float most = 0;
  for (const float v : values) most = std::max(most, std::fabs(v));
  widen(exponent_above(most));
  const auto bins_per_unit = static_cast<float>(std::ldexp(1.0, 12 - exponent_));  // a power of two: exact
  static_assert(kHalf == 1 << 12);
  uint64_t* middle = counts_.data() + kHalf;
  for (const float v : values) {
    const float scaled = v * bins_per_unit;
    auto bin = static_cast<int32_t>(scaled);
    bin -= static_cast<float>(bin) > scaled ? 1 : 0;  // floor
    ++middle[bin];
  }
}

void Histogram::add(const Histogram& other) {
  if (other.empty()) return;
  widen(other.exponent_);
  Histogram same = other;
  same.widen(exponent_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += same.counts_[i];
}

std::vector<uint64_t> Histogram::magnitudes() const {
  std::vector<uint64_t> folded(empty() ? 0 : kHalf);
  for (size_t i = 0; i < folded.size(); ++i)
    folded[i] = counts_[static_cast<size_t>(kHalf) + i] + counts_[static_cast<size_t>(kHalf) - 1 - i];
  return folded;
}

bool Histogram::restore(int exponent, std::vector<uint64_t> counts) {
  if (!counts.empty() && counts.size() != 2 * kHalf) return false;
  if (exponent < kLeastExponent || exponent > kMostExponent) return false;
  exponent_ = exponent;
  counts_ = std::move(counts);
  return true;
}

}  // namespace fovea::quantize
