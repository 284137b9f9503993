// If and Loop: nodes whose work is a subgraph.
#pragma once

#include <span>
#include <vector>

#include "ops/evaluate.h"

namespace fovea::ops {

/// True for ONNX's If and Loop.
bool is_control_flow(const Node& node);

/// Runs the node by evaluating its subgraphs with the reference kernels. `inputs` as in evaluate(); `captured` holds
/// the values of node.captures. A Loop may run for as many trips as it likes, but where neither its trip count nor its
/// condition can end it, it is an invalid model; and its scan outputs stay within the memory limit. `budget` bounds it
/// further.
Result<std::vector<Tensor>> evaluate_control_flow(const Node& node, std::span<const Tensor* const> inputs,
                                                  std::span<const Tensor> captured, Budget* budget = nullptr);

}  // namespace fovea::ops
