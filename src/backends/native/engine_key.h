// The key of engine files: what an engine was made from, by and for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cpu/engine.h"
#include "cpu/engine_file.h"
#include "fovea/options.h"

namespace fovea::backends {

/// What fovea and this machine put into each key: version and code of fovea, the passes, instruction set, features and
/// caches of the CPU.
cpu::EngineKey machine_key();

/// What timings depend on: fovea's version, the CPU with its instruction set and caches. Another build of the same
/// version may use them: they choose, they change no answer.
std::string timing_machine();

/// Behind machine_key(): what the user asked for. `threads`: those that the engine really has.
cpu::EngineKey engine_key(const CompileOptions& options, int threads);

/// Puts what an engine file was compiled with into `options` where they leave it open. Error: invalid_argument where
/// they ask for something else.
Result<CompileOptions> options_of(const cpu::EngineKey& key, const CompileOptions& options);

/// "isa (avx512, here avx2), threads (...)": what differs, for people. Long values are cut.
std::string describe_differences(const cpu::EngineKey& file, const cpu::EngineKey& wanted);

/// A hash of all sources that decide what a plan is and how weights are packed.
std::string_view code_fingerprint();

}  // namespace fovea::backends
