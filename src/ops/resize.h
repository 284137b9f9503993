// ONNX Resize (10 to 27) and Upsample (7 to 9): interpolation along each axis in turn.
#pragma once

#include <optional>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

enum class ResizeMode { nearest, linear, cubic };
/// ONNX's coordinate_transformation_mode.
enum class ResizeCoordinates {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_crop_and_resize,
  tf_half_pixel_for_nn
};
/// ONNX's nearest_mode. `legacy` is what ONNX Runtime does for opsets before 11, which did not say: up when an axis
/// shrinks, down otherwise.
enum class ResizeRounding { round_prefer_floor, round_prefer_ceil, floor, ceil, legacy };

struct ResizeAttributes {
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::round_prefer_floor;
  bool antialias = false, exclude_outside = false;
  float cubic_coeff_a = -0.75f, extrapolation_value = 0;
};

/// One axis of a resize. `scale` is what was given, or follows from the sizes: output may be less than scale * input.
struct ResizeAxis {
  int64_t input = 1, output = 1;
  double scale = 1;
  double roi_begin = 0, roi_end = 1;

  /// True where the axis maps each position to itself.
  bool trivial() const { return input == output && scale == 1 && roi_begin == 0 && roi_end == 1; }
};

/// The input positions of one axis that each output is a weighted sum of: taps [first[i], first[i + 1]) of output i.
/// None: the output is extrapolation_value.
struct ResizeTaps {
  std::vector<size_t> first;
  std::vector<int64_t> at;  // in [0, axis.input)
  std::vector<double> weight;
};
/// For linear and cubic. Precondition: axis.input > 0.
ResizeTaps resize_taps(const ResizeAttributes& attributes, const ResizeAxis& axis);
/// For nearest: the input position of each output; -1: extrapolation_value. Precondition: axis.input > 0.
std::vector<int64_t> nearest_positions(const ResizeAttributes& attributes, const ResizeAxis& axis);

struct Resize final : Operator {
  enum class Aspect { stretch, not_larger, not_smaller };
  /// Which inputs hold what; -1: none.
  struct Slots {
    int roi = -1, scales = -1, sizes = -1;
  };

  ResizeAttributes attributes;
  Aspect aspect;
  std::optional<std::vector<int64_t>> axes;  // what roi, scales and sizes speak of; nothing: all axes
  std::optional<std::vector<float>> scales;  // the attribute of Upsample-7
  Slots slots;

  Resize(const ResizeAttributes& attributes_, Aspect aspect_, std::optional<std::vector<int64_t>> axes_,
         std::optional<std::vector<float>> scales_, Slots slots_)
      : attributes(attributes_), aspect(aspect_), axes(std::move(axes_)), scales(std::move(scales_)), slots(slots_) {}
  /// For every axis of the input, without regions. Error: lists of the wrong length, scales that are no use, both
  /// scales and sizes or neither; needs_value.
  Result<std::vector<ResizeAxis>> resolve(const Inputs& in) const;
  /// Sets the regions of tf_crop_and_resize; the other modes have none. Error: likewise.
  Result<void> add_regions(const Inputs& in, std::vector<ResizeAxis>& axes) const;

  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
