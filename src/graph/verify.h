// Checking that a graph is one: run on every model that is read, after every pass, and in tests.
#pragma once

#include "graph/graph.h"

namespace fovea {

/// Subgraphs in subgraphs, at most.
inline constexpr int kMaxSubgraphDepth = 32;

/// Checks all that the rest of fovea relies on: indices in range; names unique; each value made once at most, or fed,
/// or constant, or captured; nodes in topological order; lists of users that agree with the nodes; outputs that exist;
/// constants as large as their types say; captures that agree with the graph around. Types of values that are neither
/// fed nor constant are not checked: they are what somebody said. Error: internal (a pass has a bug, or the reader) or
/// invalid_model (what a file can bring about: an output without a producer), naming the node or the value.
Result<void> verify(const Graph& graph);

}  // namespace fovea
