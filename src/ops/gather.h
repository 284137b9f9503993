// ONNX Gather, and the checks of indices that all gathers and scatters share.
#pragma once

#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// Picks slices along an axis: the output is {data axes before, index axes, data axes after}.
struct Gather final : Operator {
  int64_t axis;  // may count from the back

  explicit Gather(int64_t a) : axis(a) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// All elements of an i32 or i64 tensor as indices into an axis, negative ones counted from the back. Error: one
/// outside the extent.
Result<std::vector<int64_t>> read_indices(const TensorView& indices, int64_t extent);

/// Index tuples of GatherND and ScatterND as element offsets: each row of `indices` (last axis) addresses the leading
/// axes of `extents` with their `strides`. Error: an index outside its extent.
Result<std::vector<int64_t>> read_index_tuples(const TensorView& indices, std::span<const int64_t> extents,
                                               std::span<const int64_t> strides);

}  // namespace fovea::ops
