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

}  // namespace

// The centre of output i lies at (i + 0.5) * in / out; when shrinking, the filter is widened by that ratio. Weights are
// divided by their sum within the image, then rounded to integers half away from zero.
Result<FilterTaps> FilterTaps::create(Interpolation interpolation, int64_t in, int64_t out, int64_t begin,
                                      int64_t outputs) {
  const Filter filter = filter_of(interpolation);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double inverse = 1.0 / filter_scale;
  const double support = filter.support * filter_scale;
  const int64_t widest = std::min(in, static_cast<int64_t>(std::ceil(support)) * 2 + 1);
  const int64_t stride = round_up(widest, kernels::kResampleTapsMultiple);
  const auto weights = checked_mul(outputs, stride);
  if (!weights || *weights > kMaxTapBytes / static_cast<int64_t>(sizeof(int32_t)))
    return out_of_memory("resizing {} pixels to {} needs too many filter weights", in, out)
        .with_fix("cut the image into less elongated parts first");

  FilterTaps taps;
  const auto weight_count = static_cast<size_t>(*weights + kernels::kResampleTapsMultiple);
  taps.bounds_.reset(new (std::nothrow) int64_t[static_cast<size_t>(2 * outputs)]);
  taps.weights_.reset(new (std::nothrow) int32_t[weight_count]());
  const std::unique_ptr<double[]> exact(new (std::nothrow) double[static_cast<size_t>(widest)]);
  if (!taps.bounds_ || !taps.weights_ || !exact)
    return out_of_memory("no memory for the filter weights of resizing {} pixels to {}", in, out)
        .with_fix("use a smaller image or free some memory");
  int64_t* first = taps.bounds_.get();
  int64_t* count = first + outputs;
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
    int32_t* fixed = taps.weights_.get() + i * stride;
    for (int64_t t = 0; t < n; ++t) fixed[t] = fixed_point(sum != 0.0 ? exact[t] / sum : exact[t]);
    first[i] = lo;
    count[i] = n;
    taps.most_ = std::max(taps.most_, n);
  }
  taps.view_ = {first, count, taps.weights_.get(), stride};
  taps.outputs_ = outputs;
  return taps;
}

void FilterTaps::rebase(int64_t origin) {
  for (int64_t i = 0; i < outputs_; ++i) bounds_[i] -= origin;
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
