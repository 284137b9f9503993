// Looking at values inside a graph while the native engine runs it, in groups that fit the memory.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cpu/engine.h"
#include "graph/graph.h"

namespace fovea::pipeline {

/// Values, in groups whose tensors together have at most `most_bytes` for an input of this type (one value at least a
/// group). Where sizes cannot be known ahead, all are one group. The order is kept.
std::vector<std::vector<ValueId>> tap_groups(const Graph& graph, std::span<const ValueId> values,
                                             const TensorType& input, int64_t most_bytes);

/// An engine whose outputs are these values and nothing else; nodes that they do not need are not run. Error: as
/// cpu::Engine::compile.
Result<std::unique_ptr<cpu::Engine>> engine_with_taps(const Graph& graph, std::span<const ValueId> values, int threads);

}  // namespace fovea::pipeline
