// What one tensor of a model held over all photos: enough for every way of choosing its range, in bounded memory.
#pragma once

#include <limits>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "fovea/result.h"
#include "fovea/tensor.h"
#include "quantize/histogram.h"

namespace fovea::quantize {

struct Observer {
  uint64_t photos = 0;     // how many tensors were observed
  uint64_t values = 0;     // of them, finite or not
  uint64_t zeros = 0;      // exact ones: any quantisation keeps them, so they are not in the histogram
  uint64_t nonfinite = 0;  // NaN and infinities, which count for nothing else
  float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
  double low_sum = 0, high_sum = 0;  // of each tensor's least and greatest value
  Histogram histogram;

  /// The mean of each channel, where somebody wants it (bias correction): the axis, counted from the end when negative.
  std::optional<int64_t> channel_axis;
  std::vector<double> channel_sums;
  double channel_values = 0;  // that make up each sum

  /// Takes in one f32 tensor of one photo. Others are ignored.
  void observe(TensorView tensor);
  bool seen() const { return values > nonfinite; }
  /// Empty where channels were not observed.
  std::vector<double> channel_means() const;
};

/// For state files.
nlohmann::json to_json(const Observer& observer);
/// Error: invalid_argument, where it is not what to_json wrote.
Result<Observer> observer_of_json(const nlohmann::json& state);

}  // namespace fovea::quantize
