// Putting the nodes of a subgraph into the graph around it: how an If with a known condition goes away, or a trip of a
// Loop.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace fovea {

/// Copies the subgraph's nodes and constants into `outer`, before the node `place`. `inputs` are values of `outer` for
/// the subgraph's inputs, `captures` for its captures (those of the node around it). Returns the values of `outer` that
/// are the subgraph's outputs; new ones are named `prefix` and their old name. The subgraph may be used again: graphs
/// within it are shared, not copied. Precondition: both are verified, the counts agree.
std::vector<ValueId> inline_subgraph(Graph& outer, NodeId place, const Graph& subgraph, std::span<const ValueId> inputs,
                                     std::span<const ValueId> captures, std::string_view prefix = "");

}  // namespace fovea
