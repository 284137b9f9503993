// The work of a node: multiply-adds of convolutions, matrix products, recurrences and attention.
#pragma once

#include "graph/graph.h"

namespace fovea::pipeline {

/// Precondition: the node's values have concrete types (passes::specialise gives them). 0 for what is no product, and
/// where a type is not known. Each product that the operator is defined by counts one; padding counts as data.
double multiply_adds(const Graph& graph, const Node& node);

}  // namespace fovea::pipeline
