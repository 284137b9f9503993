// Graphs without their large weights: enough to know a model by, without the memory.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace fovea::cpu {

/// Constants of more bytes than this count as weights: no shape, index or colour's mean is that large.
inline constexpr size_t kSmallConstant = 4096;

/// A tensor of this type with an address of its own that takes no memory. Who reads it finds zeros. Error:
/// out_of_memory.
Result<Tensor> absent_tensor(const TensorType& type);

/// The graph with absent tensors in the place of its large constants. Those of subgraphs stay.
Result<Graph> without_weights(const Graph& graph);

/// Lets go of constants that no node uses and that are no output.
void drop_unused_constants(Graph& graph);

/// Where the elements of the graph's large constants lie.
std::vector<std::span<const std::byte>> large_constants(const Graph& graph);

}  // namespace fovea::cpu
