// Shapes that the user gives to inputs that the model leaves open.
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace fovea::backends {

/// Puts the shapes into the types of the graph's inputs. Error: invalid_argument for a name that is no input, or a
/// shape that the model does not allow.
Result<void> set_input_shapes(Graph& graph, const std::map<std::string, Shape>& shapes);

}  // namespace fovea::backends
