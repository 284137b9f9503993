// Calibration: the float model runs on photos, and each value that is to become int8 is observed.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "pipeline/quantize/input_reader.h"
#include "quantize/observer.h"
#include "quantize/select.h"

namespace fovea::pipeline {

struct CalibrationOptions {
  int threads = 0;                            // 0: the cores that the system grants
  int64_t most_tap_bytes = int64_t{1} << 30;  // of observed tensors that are held at once
  bool channel_means = false;                 // of what products take, for bias correction
  /// Where the state is kept while it runs, about twice a minute and when it is stopped; empty: nowhere.
  std::filesystem::path state = {};
  bool resume = false;      // go on from that state
  bool keep_state = false;  // also when all is done: who resumes then has the observers without a photo
  std::function<bool()> stop = {};
  /// After each step of so many; photos count once for each group of values that fits the memory.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct Calibration {
  std::map<ValueId, quantize::Observer> observers;
  int64_t photos = 0;             // that were used
  std::vector<Error> unreadable;  // those that were not, and why
  bool stopped = false;           // options.stop said so: the state is kept, and what is here is not complete
};

/// Observes the values of the selection while `graph` (as quantize::prepare gives it) runs on the photos, a batch at a
/// time; nothing is kept of an activation but its observer. Error: the engine's; invalid_argument where a state belongs
/// to another calibration (model, photos or values differ) or is damaged; where no photo can be read, the first one's.
Result<Calibration> calibrate(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                              std::span<const Photo> photos, const CalibrationOptions& options);

}  // namespace fovea::pipeline
