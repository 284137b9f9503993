// Shapes that the user gives for a model's dynamic inputs: --shape name=1x3x224x224.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace fovea::pipeline {

using InputShapes = std::map<std::string, Shape>;

/// "name=1x3x224x224". Error: invalid_argument.
Result<std::pair<std::string, Shape>> parse_input_shape(std::string_view text);

/// A shape that --shape may give such an input, for messages: "1x3x224x224", but what is fixed or comes last as 3
/// channels is left where it is.
std::string example_shape(const ValueType& type);

/// Puts the shapes into the types of the graph's inputs. Error: invalid_argument for a name that is no input, and for
/// extents that contradict the model's own.
Result<void> set_input_shapes(Graph& graph, const InputShapes& shapes);

}  // namespace fovea::pipeline
