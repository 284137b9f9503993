// From ranges and weights to the numbers of ONNX's QuantizeLinear: scales and zero points.
#pragma once

#include <cstdint>
#include <span>

#include "fovea/result.h"
#include "fovea/tensor.h"
#include "quantize/range.h"

namespace fovea::quantize {

/// real = scale * (stored - zero_point)
struct Parameters {
  float scale = 1;
  int32_t zero_point = 0;
  DType dtype = DType::u8;  // or i8
  /// round(real / scale) + zero_point, ties to even, held within the type: ONNX's QuantizeLinear.
  int32_t quantize(double real) const;
  float dequantize(int32_t stored) const { return static_cast<float>(stored - zero_point) * scale; }
  int32_t least() const { return dtype == DType::u8 ? 0 : -128; }
  int32_t most() const { return dtype == DType::u8 ? 255 : 127; }
  bool operator==(const Parameters&) const = default;
};

/// The parameters with which `dtype` (u8 or i8) spans the range and 0. `symmetric`: zero point 0 and the same reach on
/// both sides, -127 to 127 (i8 only). A range without extent gets the scale 1; an infinite end counts as the largest
/// float, one that is NaN as 0.
Parameters activation_parameters(const Range& range, DType dtype, bool symmetric);

struct QuantizedWeight {
  Tensor values;  // i8, the weight's shape, -127 to 127
  Tensor scales;  // f32, one for each index of the axis
};
/// Symmetric, one scale for each channel: its largest magnitude / 127, but at least `least_scales[channel]` where that
/// is not empty. Precondition: an f32 weight, 0 <= axis < rank. Error: invalid_argument for values that are not finite;
/// out_of_memory.
Result<QuantizedWeight> quantize_weight(const Tensor& weight, int64_t axis, std::span<const float> least_scales);

/// The scales below which a bias would not fit 32 bits at input scale * weight scale, for quantize_weight.
std::vector<float> least_weight_scales(std::span<const float> bias, float input_scale);

struct QuantizedBias {
  Tensor values;  // i32
  Tensor scales;  // f32: input scale * weight scale, as an integer product accumulates
};
Result<QuantizedBias> quantize_bias(std::span<const float> bias, float input_scale, std::span<const float> scales);

}  // namespace fovea::quantize
