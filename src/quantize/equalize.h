// Cross-layer equalisation: two convolutions in a row share out the spread of their channels' weights.
#pragma once

#include "graph/graph.h"

namespace fovea::quantize {

/// For Conv -> Relu (or nothing) -> Conv with nobody between, output channel i of the first is divided by s_i
/// and input channel i of the second multiplied by it, s_i = sqrt(r1_i / r2_i) with the largest magnitudes r of the two
/// weights: what lies between is spread evenly over its one scale, and the model computes the same (M. Nagel et al.,
/// 2019). Repeated until nothing changes much. Returns the number of pairs. Weights become new constants.
int equalize(Graph& graph);

}  // namespace fovea::quantize
