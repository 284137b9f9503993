// How often values of which size occurred: bounded memory for any number of values, in any range.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fovea::quantize {

/// Bins of equal width over [-limit, limit), where limit is a power of two that doubles when a value falls outside: two
/// bins become one then, exactly. So the same values give the same bins in whatever order and portions they come.
class Histogram {
 public:
  static constexpr int64_t kHalf = 4096;  // bins on each side of zero

  /// Precondition: all values are finite; zeros are counted like others (callers leave them out).
  void add(std::span<const float> values);
  void add(const Histogram& other);

  bool empty() const { return counts_.empty(); }
  double limit() const;
  double width() const { return limit() / kHalf; }
  uint64_t total() const;
  /// Bin i holds [(i - kHalf) * width, (i - kHalf + 1) * width). Empty, or 2 * kHalf numbers.
  std::span<const uint64_t> counts() const { return counts_; }
  /// The bins of -x and x together: bin i holds magnitudes [i * width, (i + 1) * width).
  std::vector<uint64_t> magnitudes() const;

  /// For state files. restore() returns false where the numbers fit no histogram.
  int exponent() const { return exponent_; }
  bool restore(int exponent, std::vector<uint64_t> counts);

 private:
  void widen(int exponent);

  std::vector<uint64_t> counts_;
  int exponent_ = 0;  // limit is 2^exponent_
};

}  // namespace fovea::quantize
