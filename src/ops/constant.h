// ONNX Constant.
#pragma once

#include "fovea/tensor.h"
#include "graph/graph.h"

namespace fovea::ops {

/// What a Constant node makes. Error: invalid_model where it has not exactly one value, unsupported for strings and
/// sparse tensors.
Result<Tensor> constant_value(const Node& node);

}  // namespace fovea::ops
