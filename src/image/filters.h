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
  /// `extent` is what of the inputs is spread over the outputs: all of them, unless a photo was decoded at a fraction
  /// of its size and the last input is there in part only. Error: out_of_memory where the taps would not fit
  /// kMaxTapBytes.
  static Result<FilterTaps> create(Interpolation interpolation, int64_t in, double extent, int64_t out, int64_t begin,
                                   int64_t outputs);
  /// Outputs that are the inputs, from `begin` on. Error: as above.
  static Result<FilterTaps> identity(int64_t begin, int64_t outputs);

  int64_t outputs() const { return outputs_; }
  int64_t first(int64_t i) const { return bounds_[i]; }
  int64_t count(int64_t i) const { return bounds_[outputs_ + i]; }
  /// One past the last input that output i reads.
  int64_t end(int64_t i) const { return first(i) + count(i); }
  const int32_t* weights(int64_t i) const { return weights_.get() + i * stride_; }
  /// The most inputs that one output reads.
  int64_t most() const { return most_; }

 private:
  /// Memory for outputs of at most `widest` taps each, all weights 0.
  static Result<FilterTaps> allocate(int64_t outputs, int64_t widest);

  std::unique_ptr<int64_t[]> bounds_;
  std::unique_ptr<int32_t[]> weights_;
  int64_t stride_ = 0;
  int64_t outputs_ = 0;
  int64_t most_ = 0;
};

/// The same taps in quads, as the kernels take them. Quads count from input `origin` on.
class QuadTaps {
 public:
  /// Precondition: no output reads an input before `origin`. Error: out_of_memory.
  static Result<QuadTaps> create(const FilterTaps& taps, int64_t origin);

  const kernels::ResampleQuads& view() const { return view_; }
  int64_t first(int64_t i) const { return view_.first[i]; }
  int64_t count(int64_t i) const { return view_.count[i]; }
  int64_t end(int64_t i) const { return first(i) + count(i); }
  const uint32_t* words(int64_t i) const { return view_.words + i * view_.stride * kernels::kResampleQuadWords; }
  /// The most quads that one output reads.
  int64_t most() const { return view_.stride; }

 private:
  std::unique_ptr<int64_t[]> bounds_;
  std::unique_ptr<uint32_t[]> words_;
  kernels::ResampleQuads view_;
};

/// For each output begin .. begin + outputs - 1 the input that nearest takes, or -1 where rounding leaves the image.
/// Written to `index`.
void nearest_indices(int64_t in, int64_t out, int64_t begin, int64_t outputs, int64_t* index);

}  // namespace fovea::image
