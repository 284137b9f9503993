// Names of the model's own values after rewrites.
#pragma once

#include "graph/graph.h"

namespace fovea::quantize {

/// A copy without unused values, in which what a rewrite put in the place of a value of `model` has that value's name
/// again ("conv.2" is "conv" where no "conv" is left): outputs keep their names, and calibration tables fit the model.
Graph with_names_of(const Graph& model, const Graph& rewritten);

}  // namespace fovea::quantize
