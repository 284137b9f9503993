// If and Loop: nodes whose work is a subgraph.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace fovea::ops {

/// True for ONNX's If and Loop.
bool is_control_flow(const Node& node);

/// Runs the node by evaluating its subgraphs with the reference kernels. `inputs` as in evaluate(); `captured` holds
/// the values of node.captures. A Loop without a trip count or a condition that ends is stopped after kMaxTrips.
Result<std::vector<Tensor>> evaluate_control_flow(const Node& node, std::span<const Tensor* const> inputs,
                                                  std::span<const Tensor> captured);

}  // namespace fovea::ops
