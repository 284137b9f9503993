// From what a tensor held to the range that 8 bits shall cover.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quantize/observer.h"

namespace fovea::quantize {

struct Range {
  float low = 0, high = 0;
  bool operator==(const Range&) const = default;
  /// The largest magnitude.
  float reach() const { return high > -low ? high : -low; }
};

enum class Method : uint8_t {
  minmax,      // all that was seen
  average,     // the mean over photos of each one's least and greatest value: an outlier of one photo counts little
  entropy,     // where the distribution loses the least information
  percentile,  // all but the rarest magnitudes
};
std::string_view name_of(Method method);
std::optional<Method> parse_method(std::string_view name);

struct RangeOptions {
  Method method = Method::entropy;
  double percentile = 99.999;  // of the values' magnitudes
};

/// The range, at least one step around 0 within it where the tensor held 0 alone. Nothing where nothing finite was
/// seen.
///
/// entropy: the threshold t for |x| whose clipped distribution P has the least Kullback-Leibler divergence from its
/// own 8-bit form Q (S. Migacz, 8-bit inference with TensorRT, 2017; ONNX Runtime's calibrator does the same), cut to
/// what was seen: [max(low, -t), min(high, t)]. Zeros are left out: they are exact in any range. The divergence alone
/// cuts heavy tails to pieces (4 dB for a gated activation of MobileNetV3): thresholds whose mean squared error is
/// above that of the full range are left out.
std::optional<Range> choose_range(const Observer& observer, const RangeOptions& options);

/// The mean squared error, in squares of bins, of keeping `kept` bins in so many levels: rounding inside, clipping
/// beyond.
double squared_error(std::span<const uint64_t> magnitudes, size_t kept, size_t levels);
/// The threshold chosen by `entropy`, in bins: of `magnitudes`, the first so many are kept. `levels`: quantised steps.
size_t entropy_threshold(std::span<const uint64_t> magnitudes, size_t levels);

/// The share of the observed values that lie outside the range.
double clipped_share(const Observer& observer, const Range& range);

/// What looks wrong with a range, for people; empty where nothing does: never seen, not finite, constant, many values
/// cut off, a few values that make the range wide for all others.
std::string suspicion(const Observer& observer, const std::optional<Range>& range);

}  // namespace fovea::quantize
