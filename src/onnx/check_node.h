// Whether fovea can run a node: asked for every node when a model is read.
#pragma once

#include "graph/graph.h"

namespace fovea::onnx {

/// Error: unsupported or invalid_model, without the node's name.
Result<void> check_node(const Node& node);

}  // namespace fovea::onnx
