#include "quantize/range.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace fovea::quantize {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"minmax", "average", "entropy", "percentile"};

/// The magnitude below which so many of the values lie, zeros among them; the upper edge of its bin.
double percentile_of(const Observer& observer, double percentile) {
  const auto magnitudes = observer.histogram.magnitudes();
  constexpr double kRounding = 1 - 1e-12;  // 99.9 % of 1000 are 999
  const double wanted = kRounding * percentile / 100 * static_cast<double>(observer.values - observer.nonfinite);
  auto counted = static_cast<double>(observer.zeros);
  for (size_t i = 0; i < magnitudes.size(); ++i) {
    counted += static_cast<double>(magnitudes[i]);
    if (counted >= wanted) return static_cast<double>(i + 1) * observer.histogram.width();
  }
  return observer.histogram.empty() ? 0 : observer.histogram.limit();
}

Range cut(const Observer& observer, double threshold) {
  const auto t = static_cast<float>(threshold);
  return {std::max(observer.low, -t), std::min(observer.high, t)};
}

}  // namespace

std::string_view name_of(Method method) { return kNames[static_cast<size_t>(method)]; }

std::optional<Method> parse_method(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Method>(i);
  return std::nullopt;
}

double squared_error(std::span<const uint64_t> magnitudes, size_t kept, size_t levels) {
  const double step = static_cast<double>(kept) / static_cast<double>(levels);
  double error = 0;
  for (size_t i = 0; i < magnitudes.size(); ++i) {
    const double beyond = static_cast<double>(i) + 0.5 - static_cast<double>(kept);
    error += static_cast<double>(magnitudes[i]) * (i < kept ? step * step / 12 : beyond * beyond);
  }
  return error;
}

size_t entropy_threshold(std::span<const uint64_t> magnitudes, size_t levels) {
  size_t top = magnitudes.size();
  while (top > 0 && magnitudes[top - 1] == 0) --top;
  if (top <= levels) return top;
  // A bin that Q leaves empty and P does not costs as if it held this share.
  constexpr double kLeastShare = 1e-6;
  constexpr size_t kCandidates = 256;
  const size_t step = std::max<size_t>(1, (top - levels) / kCandidates);
  std::vector<double> q(top);
  double best = std::numeric_limits<double>::infinity(), inside = 0, all = 0;
  for (size_t i = 0; i < top; ++i) all += static_cast<double>(magnitudes[i]);
  const double most_error = squared_error(magnitudes.first(top), top, levels);
  size_t kept = top, summed = 0;
  // Of equals the widest wins; the last candidate is all of it.
  for (size_t i = levels + (top - levels) % step; i <= top; i += step) {
    for (; summed < i; ++summed) inside += static_cast<double>(magnitudes[summed]);
    if (inside == 0 || squared_error(magnitudes.first(top), i, levels) > most_error) continue;
    for (size_t level = 0; level < levels; ++level) {
      const size_t begin = level * i / levels, end = (level + 1) * i / levels;
      double sum = 0;
      size_t filled = 0;
      for (size_t k = begin; k < end; ++k) {
        sum += static_cast<double>(magnitudes[k]);
        filled += magnitudes[k] != 0 ? 1 : 0;
      }
      for (size_t k = begin; k < end; ++k) q[k] = magnitudes[k] == 0 ? 0 : sum / static_cast<double>(filled) / inside;
    }
    double divergence = 0;
    for (size_t k = 0; k < i; ++k) {
      const double outliers = k + 1 == i ? all - inside : 0;  // all that is cut off lands on the last bin
      const double p = (static_cast<double>(magnitudes[k]) + outliers) / all;
      if (p > 0) divergence += p * std::log(p / std::max(q[k], kLeastShare));
    }
    if (divergence <= best) {
      best = divergence;
      kept = i;
    }
  }
  return kept;
}

std::optional<Range> choose_range(const Observer& observer, const RangeOptions& options) {
  if (!observer.seen()) return std::nullopt;
  switch (options.method) {
    case Method::minmax: break;
    case Method::average: {
      const auto photos = static_cast<double>(observer.photos);
      return Range{static_cast<float>(observer.low_sum / photos), static_cast<float>(observer.high_sum / photos)};
    }
    case Method::entropy: {
      // One-sided tensors have all 255 steps for their magnitudes, others half of them.
      const size_t levels = observer.low >= 0 || observer.high <= 0 ? 255 : 128;
      const size_t bins = entropy_threshold(observer.histogram.magnitudes(), levels);
      if (bins > 0) return cut(observer, static_cast<double>(bins) * observer.histogram.width());
      break;
    }
    case Method::percentile: return cut(observer, percentile_of(observer, options.percentile));
  }
  return Range{observer.low, observer.high};
}

double clipped_share(const Observer& observer, const Range& range) {
  if (!observer.seen()) return 0;
  const auto counts = observer.histogram.counts();
  const double width = observer.histogram.width();
  double outside = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double begin = (static_cast<double>(i) - static_cast<double>(Histogram::kHalf)) * width;
    if (begin > range.high || begin + width <= range.low) outside += static_cast<double>(counts[i]);
  }
  return outside / static_cast<double>(observer.values - observer.nonfinite);
}

std::string suspicion(const Observer& observer, const std::optional<Range>& range) {
  if (!observer.seen()) return observer.nonfinite > 0 ? "nothing but NaN and infinities" : "no photo reached it";
  if (observer.nonfinite > 0) return fmt::format("{} values are NaN or infinite", observer.nonfinite);
  if (observer.low == observer.high) return fmt::format("constant: always {:g}", observer.low);
  if (!range) return {};
  constexpr double kManyClipped = 0.01, kOutlier = 50;
  if (const double share = clipped_share(observer, *range); share > kManyClipped)
    return fmt::format("saturated: {:.1f} % of the values lie outside [{:g}, {:g}]", 100 * share, range->low,
                       range->high);
  const double most = std::max(std::fabs(range->low), std::fabs(range->high)), usual = percentile_of(observer, 99.9);
  if (usual > 0 && most > kOutlier * usual)
    return fmt::format("outliers: 99.9 % of the values are within {:.3g}, the range reaches to {:.3g}", usual, most);
  return {};
}

}  // namespace fovea::quantize
