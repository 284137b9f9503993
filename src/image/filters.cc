// Pillow's arithmetic (libImaging/Resample.c and Geometry.c), step by step.
#include "image/filters.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numbers>

#include "base/checked.h"
#include "base/error.h"

namespace fovea::image {
namespace {

// Photos need some hundred kilobytes; a strip of a hundred million pixels to be made square would need gigabytes.
constexpr int64_t kMaxTapBytes = int64_t{1} << 30;

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // single-precision constants, as in Pillow
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Filter {
  double (*weight)(double);
  double support;
};

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::box: return {box, 0.5};
    case Interpolation::bilinear: return {bilinear, 1.0};
    case Interpolation::hamming: return {hamming, 1.0};
    case Interpolation::lanczos: return {lanczos, 3.0};
    case Interpolation::nearest:
    case Interpolation::bicubic: break;
  }
  return {bicubic, 2.0};
}

int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kernels::kResampleBits);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

Error too_many_weights(int64_t outputs) {
  return out_of_memory("resizing to {} pixels needs too many filter weights", outputs)
      .with_fix("cut the image into less elongated parts first, or free some memory");
}

}  // namespace

Result<FilterTaps> FilterTaps::allocate(int64_t outputs, int64_t widest) {
  const auto weights = checked_mul(outputs, widest);
  if (!weights || *weights > kMaxTapBytes / static_cast<int64_t>(sizeof(int32_t))) return too_many_weights(outputs);
  FilterTaps taps;
  taps.bounds_.reset(new (std::nothrow) int64_t[static_cast<size_t>(2 * outputs)]);
  taps.weights_.reset(new (std::nothrow) int32_t[static_cast<size_t>(*weights)]());
  if (!taps.bounds_ || !taps.weights_) return too_many_weights(outputs);
  taps.stride_ = widest;
  taps.outputs_ = outputs;
  return taps;
}

// The centre of output i lies at (i + 0.5) * in / out; when shrinking, the filter is widened by that ratio. Weights are
// divided by their sum within the image, then rounded to integers half away from zero.
Result<FilterTaps> FilterTaps::create(Interpolation interpolation, int64_t in, double extent, int64_t out,
                                      int64_t begin, int64_t outputs) {
  const Filter filter = filter_of(interpolation);
  const double scale = extent / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double inverse = 1.0 / filter_scale;
  const double support = filter.support * filter_scale;
  const int64_t widest = std::min(in, static_cast<int64_t>(std::ceil(support)) * 2 + 1);
  FilterTaps taps = FOVEA_TRY(allocate(outputs, widest));
  const std::unique_ptr<double[]> exact(new (std::nothrow) double[static_cast<size_t>(widest)]);
  if (!exact) return too_many_weights(outputs);
  for (int64_t i = 0; i < outputs; ++i) {
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    const int64_t lo = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t hi = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), in);
    const int64_t n = std::min(hi - lo, widest);
    double sum = 0.0;
    for (int64_t t = 0; t < n; ++t) {
      exact[t] = filter.weight((static_cast<double>(t + lo) - center + 0.5) * inverse);
      sum += exact[t];
    }
    int32_t* fixed = taps.weights_.get() + i * taps.stride_;
    for (int64_t t = 0; t < n; ++t) fixed[t] = fixed_point(sum != 0.0 ? exact[t] / sum : exact[t]);
    taps.bounds_[i] = lo;
    taps.bounds_[outputs + i] = n;
    taps.most_ = std::max(taps.most_, n);
  }
  return taps;
}

Result<FilterTaps> FilterTaps::identity(int64_t begin, int64_t outputs) {
  FilterTaps taps = FOVEA_TRY(allocate(outputs, 1));
  for (int64_t i = 0; i < outputs; ++i) {
    taps.bounds_[i] = begin + i;
    taps.bounds_[outputs + i] = 1;
    taps.weights_[i] = 1 << kernels::kResampleBits;
  }
  taps.most_ = 1;
  return taps;
}

Result<QuadTaps> QuadTaps::create(const FilterTaps& taps, int64_t origin) {
  constexpr int64_t kQuad = kernels::kResampleQuad;
  const int64_t outputs = taps.outputs();
  QuadTaps quads;
  quads.bounds_.reset(new (std::nothrow) int64_t[static_cast<size_t>(2 * outputs)]);
  if (!quads.bounds_) return too_many_weights(outputs);
  int64_t *first = quads.bounds_.get(), *count = first + outputs, most = 0;
  for (int64_t i = 0; i < outputs; ++i) {
    first[i] = (taps.first(i) - origin) / kQuad;
    count[i] = ceil_div(taps.end(i) - origin, kQuad) - first[i];
    most = std::max(most, count[i]);
  }
  const auto words = checked_mul(outputs, most * kernels::kResampleQuadWords);
  if (!words || *words > kMaxTapBytes / static_cast<int64_t>(sizeof(uint32_t))) return too_many_weights(outputs);
  quads.words_.reset(new (std::nothrow) uint32_t[static_cast<size_t>(*words)]);
  if (!quads.words_) return too_many_weights(outputs);
  for (int64_t i = 0; i < outputs; ++i)
    for (int64_t q = 0; q < count[i]; ++q) {
      int32_t weights[kQuad] = {};
      for (int64_t t = 0; t < kQuad; ++t) {
        const int64_t tap = origin + (first[i] + q) * kQuad + t - taps.first(i);
        if (tap >= 0 && tap < taps.count(i)) weights[t] = taps.weights(i)[tap];
      }
      kernels::pack_resample_quad(weights, quads.words_.get() + (i * most + q) * kernels::kResampleQuadWords);
    }
  quads.view_ = {first, count, quads.words_.get(), most};
  return quads;
}

// Pillow's affine transform adds the scale up from the first output on, so the sum's rounding is part of the answer.
void nearest_indices(int64_t in, int64_t out, int64_t begin, int64_t outputs, int64_t* index) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  double position = scale * 0.5;
  for (int64_t i = 0; i < begin; ++i) position += scale;
  for (int64_t i = 0; i < outputs; ++i) {
    const auto at = static_cast<int64_t>(position);
    index[i] = at < in ? at : -1;
    position += scale;
  }
}

}  // namespace fovea::image
