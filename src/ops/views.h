// ONNX Reshape, Flatten, Squeeze and Unsqueeze: the same bytes under another shape.
#pragma once

#include <optional>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// True for a node whose first output has the bytes of its first input, in the same order, whatever the values: an
/// engine may let both share one buffer. (Dropout counts when it can only be in inference mode.)
bool only_reshapes(const Node& node);

/// What the four have in common: the new shape is all there is to find out.
struct View : Operator {
  virtual Result<Shape> shape(const Inputs& in) const = 0;
  Result<Types> infer(const Inputs& in) const final;
  Result<void> compute(Args in, Outs out) const final;
};

}  // namespace fovea::ops
