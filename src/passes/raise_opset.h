// A model of an older opset as one of a newer: for merging graphs, since an ONNX file has one opset.
#pragma once

#include "graph/graph.h"

namespace fovea::passes {

/// The versions of ONNX whose changes are known: what lies between can be raised.
inline constexpr int kOldestRaised = 7, kNewestRaised = 24;

/// The highest opset among the nodes of ONNX's own domain, subgraphs included; 0 where there are none.
int highest_opset(const Graph& graph);

/// Every node of ONNX's own domain, subgraphs included, becomes one of `opset` that computes the same; what has that
/// opset already, and other domains, stay as they are. Error: unsupported, naming the node, its operator and opset,
/// where that cannot be done.
Result<void> raise_opset(Graph& graph, int opset);

}  // namespace fovea::passes
