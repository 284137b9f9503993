// The one way in which passes are run: in order, timed, each one switchable, the graph verified behind it.
#pragma once

#include <span>
#include <vector>

#include "passes/pass.h"

namespace fovea::passes {

/// The passes of a stage in their order.
std::span<const Pass> pipeline(Stage stage);

/// Runs the stage's passes. Those named in FOVEA_SKIP_PASSES (commas between; "all") are left out. `records`, if
/// given, gets one entry a pass. Error: internal, where a pass left a graph that verify() refuses (checked in builds
/// with assertions, and always where FOVEA_VERIFY_PASSES is set).
Result<void> run_pipeline(Graph& graph, Stage stage, std::vector<PassRecord>* records);

/// Runs one pass over the whole graph and sorts and sweeps behind it; always verifies. For tests and run_pipeline.
Result<PassRecord> run_pass(Graph& graph, const Pass& pass);

}  // namespace fovea::passes
