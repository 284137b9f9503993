// How far a tensor is from another one, and where.
#pragma once

#include "fovea/tensor.h"

namespace fovea::pipeline {

struct Difference {
  double max = 0, mean = 0;  // of the absolute differences; infinite where only one of two elements is finite
  double rel_l2 = 0;         // 0 where both are all zeros
  int64_t differing = 0;     // elements
  Shape where;               // of the largest difference
  double ours = 0, theirs = 0;
};

/// In double precision, of any types; NaN counts as equal to NaN. Dimensions of 1 in front may be missing. Error:
/// invalid_argument where the shapes differ.
Result<Difference> difference(const Tensor& ours, const Tensor& theirs);

}  // namespace fovea::pipeline
