// The whole comparison: models x batches x precisions x threads, and in each every backend and worker side by side.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/group.h"
#include "pipeline/input_shapes.h"

namespace fovea::bench {

struct WorkerCommand {
  std::string name, command;  // the command is run by sh -c
};

struct BenchOptions {
  std::vector<std::filesystem::path> models;
  std::vector<std::string> backends;  // NAME or NAME:device
  std::vector<WorkerCommand> workers;
  std::vector<std::string> precisions = {"fp32"};
  std::vector<int64_t> batches;  // none: each model's own, or 1
  std::vector<int> threads = {1};
  std::string baseline;  // empty: the first of backends and workers
  pipeline::InputShapes shapes;
  std::vector<std::string> settings;  // KEY=VALUE for all backends, BACKEND/KEY=VALUE for one
  std::filesystem::path cache;        // for engines; "": none
  bool reference = true;              // compare outputs with fp32
  GroupOptions group;
  std::string program = "/proc/self/exe";  // that `bench-worker` is a command of
  std::string command;                     // for the report: the line that repeats it
};

struct BenchResult {
  Report report;
  bool measured = false;     // at least one row has figures
  bool unavailable = false;  // nothing was measured, and only for want of backends
  bool interrupted = false;  // rows that were not reached are not in the report
};

/// Error: invalid_argument for a baseline that is none of the backends and workers, and for a name that is given twice;
/// io where there is no room for temporary files. All else is told in the rows and notes of the report.
Result<BenchResult> run_bench(const BenchOptions& options, const Events& events);

/// For a progress bar: how often run_bench calls events.advance, at least.
int64_t units_of(const BenchOptions& options);

}  // namespace fovea::bench
