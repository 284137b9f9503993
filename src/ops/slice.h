// ONNX Slice.
#pragma once

#include <optional>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// A slice for a given input, over all its axes: output index i along axis d is input index starts[d] + i * steps[d].
struct SliceGeometry {
  std::vector<int64_t> starts, steps;
  Shape extents;  // of the output
};

struct Slice final : Operator {
  /// Before opset 10; inputs 1 to 4 since then.
  struct Bounds {
    std::vector<int64_t> starts, ends;
    std::optional<std::vector<int64_t>> axes, steps;
  };
  std::optional<Bounds> bounds;

  explicit Slice(std::optional<Bounds> b) : bounds(std::move(b)) {}
  /// Error: lists of different lengths, axes outside the rank or given twice, a step of 0; needs_value.
  Result<SliceGeometry> resolve(const Inputs& in) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
