// The native engine (src/cpu) as a backend.
#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"
#include "cpu/engine.h"
#include "cpu/tune.h"

namespace fovea::backends {

/// Always available.
const Backend* native();

/// What `fovea compile` wrote.
struct CompiledFile {
  cpu::EngineKey key;
  std::vector<cpu::Engine::PlanSummary> plans;
  int64_t bytes = 0;
};

/// Compiles the model for each set of input types (in the order of its inputs) and writes an engine file. Error: those
/// of compiling; unsupported, where sizes depend on data, naming the node; io; invalid_argument, where `watch` stopped
/// tuning: nothing is written but the timing cache.
Result<CompiledFile> compile_to_file(const Source& source, const CompileOptions& options,
                                     std::span<const std::vector<TensorType>> inputs, const std::filesystem::path& out,
                                     const cpu::TuneWatch& watch = {});

/// What an engine file holds.
struct EngineFileFacts {
  CompiledFile file;
  std::shared_ptr<const Graph> model;  // without its weights; nullptr where `unfit` says why it cannot run here
  std::string unfit;
};
/// Error: not_found, io, invalid_model.
Result<EngineFileFacts> read_engine_file(const std::filesystem::path& path);

}  // namespace fovea::backends
