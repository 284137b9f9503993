// A comparison group: ways of running one model, with one batch, number of threads and precision, measured side by
// side.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/model_case.h"
#include "bench/rounds.h"
#include "bench/worker.h"

namespace fovea::bench {

/// A way of running models.
struct Way {
  std::string name;               // "onnxruntime:cuda", or what the user calls a worker
  std::vector<std::string> argv;  // starts its worker
  std::string shown;              // the same for people
  bool own = false;               // a backend of fovea's, which answers all requests
  bool on_cpu = true;             // its speed can be compared with the CPU's peak
};

struct GroupOptions {
  RoundOptions rounds;
  RunRequest block;                 // what a worker does in each round
  double warm_up_s = 1;             // before the first
  bool self = true;                 // a second worker of the baseline
  bool per_step = false;            // steps of own backends
  int repeats = 5;                  // of steps and stages
  std::vector<std::string> photos;  // for stages; absolute paths
  std::string resize = "exact";     // with photos
  WorkerLimits limits;
};

struct Group {
  const ModelCase* model = nullptr;
  std::string precision = "fp32";
  int threads = 1;
  std::vector<NamedFile> inputs;
  std::vector<Tensor> reference;          // none: no error is computed
  std::vector<std::string> output_names;  // of the reference
  std::string folder;                     // for outputs
};

/// What happens while it is measured. Every function may be empty.
struct Events {
  std::function<bool()> stop;     // Ctrl-C
  std::function<void()> advance;  // a unit of units_of_group is done
};

struct GroupResult {
  std::vector<Row> rows;  // in the order of the ways; without peak_fraction and bound_by
  std::optional<Ratio> same_with_same;
  bool unavailable_only = true;  // every failure was that of something missing on this machine
  std::vector<std::string> notes;
};

/// Loads the workers one after the other, as many as fit into the memory, measures them in rounds, and goes on with the
/// others beside the baseline. `baseline` is an index into `ways`. A way that fails has its reason in its row.
GroupResult measure_group(const Group& group, std::span<const Way> ways, size_t baseline, const GroupOptions& options,
                          Conditions& conditions, const Events& events);

/// How often `advance` is called, at least: for a progress bar.
int64_t units_of_group(size_t ways, const GroupOptions& options);

}  // namespace fovea::bench
