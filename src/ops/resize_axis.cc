// Resize along one axis: where an output lies in the input, and with which weights it takes what is there.
#include <algorithm>
#include <cmath>

#include "ops/resize.h"

namespace fovea::ops {
namespace {

// What lies this close to the middle between two pixels is meant to lie there; ONNX Runtime draws the same line.
constexpr float kTie = 1e-6f;

// The position in the input of output x, after ONNX's table for coordinate_transformation_mode. The extent of the
// output is meant before it was rounded down, which the table leaves open but the expected values of its tests show.
template <class F>
F original(ResizeCoordinates mode, const ResizeAxis& axis, int64_t position) {
  const F x = static_cast<F>(position), scale = static_cast<F>(axis.scale);
  const F input = static_cast<F>(axis.input), output = static_cast<F>(axis.output), exact = scale * input;
  const F centre = (x + F(0.5)) / scale, half_pixel = centre - F(0.5);
  switch (mode) {
    case ResizeCoordinates::half_pixel: return half_pixel;
    case ResizeCoordinates::half_pixel_symmetric: return input / 2 * (1 - output / exact) + centre - F(0.5);
    case ResizeCoordinates::pytorch_half_pixel: return axis.output > 1 ? half_pixel : 0;
    case ResizeCoordinates::align_corners: return axis.output > 1 ? x * (input - 1) / (exact - 1) : 0;
    case ResizeCoordinates::asymmetric: return x / scale;
    case ResizeCoordinates::tf_half_pixel_for_nn: return centre;
    case ResizeCoordinates::tf_crop_and_resize: {
      const F begin = static_cast<F>(axis.roi_begin), end = static_cast<F>(axis.roi_end);
      return axis.output > 1 ? begin * (input - 1) + x * (end - begin) * (input - 1) / (exact - 1)
                             : (begin + end) * (input - 1) / 2;
    }
  }
  return 0;
}

bool extrapolates(ResizeCoordinates mode, const ResizeAxis& axis, double x) {
  return mode == ResizeCoordinates::tf_crop_and_resize && !(x >= 0 && x <= static_cast<double>(axis.input - 1));
}

// Keys' cubic convolution kernel, "Cubic convolution interpolation for digital image processing", equation (4).
double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

}  // namespace

std::vector<int64_t> nearest_positions(const ResizeAttributes& attributes, const ResizeAxis& axis) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < axis.output; ++i) {
    // In single precision, as the scales are: 3 / 0.6f is 5 then, and what it is rounded to is what was meant.
    const auto x = original<float>(attributes.coordinates, axis, i);
    if (extrapolates(attributes.coordinates, axis, static_cast<double>(x))) {
      positions.push_back(-1);
      continue;
    }
    float whole = std::floor(x);
    const float fraction = x - whole;
    switch (attributes.rounding) {
      case ResizeRounding::round_prefer_floor: whole += fraction > 0.5f + kTie ? 1.0f : 0.0f; break;
      case ResizeRounding::round_prefer_ceil: whole += fraction > 0.5f - kTie ? 1.0f : 0.0f; break;
      case ResizeRounding::floor: break;
      case ResizeRounding::ceil: whole = std::ceil(x); break;
      case ResizeRounding::legacy: whole = axis.scale < 1 ? std::ceil(x) : whole; break;
    }
    const double last = static_cast<double>(axis.input - 1);
    positions.push_back(
        std::min(static_cast<int64_t>(std::clamp(static_cast<double>(whole), 0.0, last)), axis.input - 1));
  }
  return positions;
}

ResizeTaps resize_taps(const ResizeAttributes& attributes, const ResizeAxis& axis) {
  const bool is_cubic = attributes.mode == ResizeMode::cubic;
  // Antialiasing widens the filter by as much as the axis shrinks.
  const double stretch = attributes.antialias ? std::max(1 / axis.scale, 1.0) : 1;
  const double support = (is_cubic ? 2 : 1) * stretch;
  const auto filter = [&](double x) {
    return is_cubic ? cubic(x, static_cast<double>(attributes.cubic_coeff_a)) : std::max(1 - std::fabs(x), 0.0);
  };
  ResizeTaps taps;
  std::vector<double> weights;
  for (int64_t i = 0; i < axis.output; ++i) {
    taps.first.push_back(taps.at.size());
    const auto x = original<double>(attributes.coordinates, axis, i);
    if (extrapolates(attributes.coordinates, axis, x)) continue;
    const auto begin = static_cast<int64_t>(std::ceil(x - support)),
               end = static_cast<int64_t>(std::floor(x + support));
    const auto outside = [&](int64_t at) { return at < 0 || at >= axis.input; };
    weights.clear();
    double sum = 0;
    for (int64_t at = begin; at <= end; ++at) {
      const bool excluded = attributes.exclude_outside && outside(at);
      weights.push_back(excluded ? 0 : filter((static_cast<double>(at) - x) / stretch));
      sum += weights.back();
    }
    const double norm = (attributes.antialias || attributes.exclude_outside) && sum != 0 ? 1 / sum : 1;
    for (int64_t at = begin; at <= end; ++at) {
      const double weight = weights[static_cast<size_t>(at - begin)] * norm;
      const int64_t inside = std::clamp<int64_t>(at, 0, axis.input - 1);
      if (taps.at.size() > taps.first.back() && taps.at.back() == inside) {
        taps.weight.back() += weight;
      } else if (weight != 0) {
        taps.at.push_back(inside);
        taps.weight.push_back(weight);
      }
    }
    if (taps.at.size() == taps.first.back()) {  // all excluded: a sum of nothing, which is not the same as extrapolated
      taps.at.push_back(0);
      taps.weight.push_back(0);
    }
  }
  taps.first.push_back(taps.at.size());
  return taps;
}

}  // namespace fovea::ops
