// Running nodes and whole graphs with the reference kernels: the oracle of tests, the engine of constant folding, and
// what runs where no fast kernel exists.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// Runs one operator. `inputs[i]` is nullptr where an optional input is left out. `output_count` as the node lists
/// them.
Result<std::vector<Tensor>> evaluate(const Operator& op, std::span<const Tensor* const> inputs, size_t output_count);

/// Runs a graph node by node. `inputs` and the result are in the order of graph.inputs and graph.outputs; control flow
/// (If, Loop) runs the subgraphs. `captured` are the values that a subgraph takes from around it. Error: that of a
/// node, with its name.
Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                     std::span<const Tensor> captured = {});

}  // namespace fovea::ops
