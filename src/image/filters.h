// Pillow's resampling filters and the integer weights that follow from them.
#pragma once

#include <cstdint>
#include <memory>

#include "fovea/result.h"
#include "image/resample.h"
#include "kernels/resample.h"

namespace fovea::image {

/// The taps of outputs begin .. begin + outputs - 1 of `out` along one axis of `in` inputs. Not for nearest.
class FilterTaps {
 public:
  /// Error: out_of_memory where the taps would not fit kMaxTapBytes.
  static Result<FilterTaps> create(Interpolation interpolation, int64_t in, int64_t out, int64_t begin,
                                   int64_t outputs);

  const kernels::ResampleTaps& view() const { return view_; }
  int64_t outputs() const { return outputs_; }
  int64_t first(int64_t i) const { return view_.first[i]; }
  int64_t count(int64_t i) const { return view_.count[i]; }
  /// One past the last input that output i reads.
  int64_t end(int64_t i) const { return first(i) + count(i); }
  const int32_t* weights(int64_t i) const { return view_.weights + i * view_.stride; }
  /// Counts inputs from `origin` on instead of 0. Precondition: no output reads one before it.
  void rebase(int64_t origin);
  /// The most inputs that one output reads.
  int64_t most() const { return most_; }

 private:
  std::unique_ptr<int64_t[]> bounds_;
  std::unique_ptr<int32_t[]> weights_;
  kernels::ResampleTaps view_;
  int64_t outputs_ = 0;
  int64_t most_ = 0;
};

/// For each output begin .. begin + outputs - 1 the input that nearest takes, or -1 where rounding leaves the image.
/// Written to `index`.
void nearest_indices(int64_t in, int64_t out, int64_t begin, int64_t outputs, int64_t* index);

}  // namespace fovea::image
