// The float graph that is calibrated and quantised: the model's, with what needs no photos done ahead.
#pragma once

#include "graph/graph.h"

namespace fovea::quantize {

/// Constants folded, Identity gone, batch norms, scales and biases by channel folded into the products before them, and
/// one opset, at least 13 (per-channel DequantizeLinear). Computes the same; still ONNX's own operators. Error:
/// unsupported, where the opset cannot be raised or the model is quantised already.
Result<Graph> prepare(const Graph& model);

}  // namespace fovea::quantize
