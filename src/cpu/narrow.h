// Which values a plan keeps in bf16 between its steps.
#pragma once

#include <span>
#include <vector>

#include "cpu/lower.h"

namespace fovea::cpu {

/// For each value of the graph, whether it is kept in bf16: the step that makes it and all that read it can, and none
/// needs more than bf16 has. Values that views share memory with go together; inputs, outputs and constants of the
/// graph stay as they are. `nodes`: all of the graph, with f32 where a choice is to be made.
std::vector<bool> narrow_values(const Graph& graph, std::span<const LowerNode> nodes);

}  // namespace fovea::cpu
