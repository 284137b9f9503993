#include "quantize/parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace fovea::quantize {

int32_t Parameters::quantize(double real) const {
  const double stored = std::nearbyint(real / static_cast<double>(scale)) + zero_point;
  return static_cast<int32_t>(std::clamp<double>(stored, least(), most()));
}

Parameters activation_parameters(const Range& range, DType dtype, bool symmetric) {
  constexpr double kMost = std::numeric_limits<float>::max();
  const double low = std::max(-kMost, std::min(0.0, static_cast<double>(range.low))),
               high = std::min(kMost, std::max(0.0, static_cast<double>(range.high)));
  Parameters result{1, 0, dtype};
  if (symmetric) {
    result.scale = static_cast<float>(std::max(-low, high) / 127);
  } else {
    result.scale = static_cast<float>((high - low) / 255);
    if (result.scale >= std::numeric_limits<float>::min())
      result.zero_point =
          static_cast<int32_t>(std::nearbyint(result.least() - low / static_cast<double>(result.scale)));
    result.zero_point = std::clamp(result.zero_point, result.least(), result.most());
  }
  if (!(result.scale >= std::numeric_limits<float>::min())) {  // subnormal scales divide badly
    result.scale = 1;
    result.zero_point = symmetric ? 0 : std::max(0, result.least());
  }
  return result;
}

Result<QuantizedWeight> quantize_weight(const Tensor& weight, int64_t axis, std::span<const float> least_scales) {
  const int64_t channels = weight.shape()[static_cast<size_t>(axis)];
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(axis) + 1; d < weight.shape().size(); ++d) inner *= weight.shape()[d];
  const int64_t size = weight.size();
  const float* w = weight.data<float>();
  std::vector<float> most(static_cast<size_t>(channels), 0);
  const auto channel_of = [&](int64_t i) { return static_cast<size_t>(i / inner % channels); };
  for (int64_t i = 0; i < size; ++i) {
    if (!std::isfinite(w[i])) return invalid_argument("the weight holds values that are not finite");
    most[channel_of(i)] = std::max(most[channel_of(i)], std::fabs(w[i]));
  }
  QuantizedWeight result;
  result.values = FOVEA_TRY(Tensor::allocate(DType::i8, weight.shape()));
  result.scales = FOVEA_TRY(Tensor::allocate(DType::f32, {channels}));
  auto* scales = result.scales.mutable_view().as<float>();
  for (size_t c = 0; c < most.size(); ++c) {
    scales[c] = most[c] / 127;
    if (!least_scales.empty()) scales[c] = std::max(scales[c], least_scales[c]);
    if (!(scales[c] >= std::numeric_limits<float>::min())) scales[c] = 1;  // a channel of zeros
  }
  auto* q = result.values.mutable_view().as<int8_t>();
  for (int64_t i = 0; i < size; ++i)
    q[i] = static_cast<int8_t>(std::clamp(std::nearbyint(w[i] / scales[channel_of(i)]), -127.0f, 127.0f));
  return result;
}

std::vector<float> least_weight_scales(std::span<const float> bias, float input_scale) {
  std::vector<float> least;
  // Half of what 32 bits hold: the products are added to it.
  for (const float b : bias)
    least.push_back(std::isfinite(b) ? static_cast<float>(std::fabs(b) / (0x1p30 * static_cast<double>(input_scale)))
                                     : 0);
  return least;
}

Result<QuantizedBias> quantize_bias(std::span<const float> bias, float input_scale, std::span<const float> scales) {
  const auto channels = static_cast<int64_t>(bias.size());
  QuantizedBias result;
  result.values = FOVEA_TRY(Tensor::allocate(DType::i32, {channels}));
  result.scales = FOVEA_TRY(Tensor::allocate(DType::f32, {channels}));
  auto* q = result.values.mutable_view().as<int32_t>();
  auto* s = result.scales.mutable_view().as<float>();
  for (size_t c = 0; c < bias.size(); ++c) {
    if (!std::isfinite(bias[c])) return invalid_argument("the bias holds values that are not finite");
    s[c] = input_scale * scales[c];
    if (!(s[c] > 0)) s[c] = std::numeric_limits<float>::min();
    q[c] = static_cast<int32_t>(
        std::clamp(std::nearbyint(bias[c] / static_cast<double>(s[c])), -2147483647.0, 2147483647.0));
  }
  return result;
}

}  // namespace fovea::quantize
