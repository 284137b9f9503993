// What bounds a result, by a stated rule.
#pragma once

#include <optional>
#include <string>

#include "bench/report.h"

namespace fovea::bench {

/// What the rule needs besides the row.
struct WorkAndMachine {
  double gmac = 0;                   // of one run, the whole batch
  double weight_bytes = 0;           // as the precision keeps them
  std::optional<double> gmac_per_s;  // the machine's peak for this precision and number of threads
  double memory_gb_per_s = 0;
  double last_cache_bytes = 0;  // weights that fit stay there from run to run; 0: not known
};

/// In this order:
/// "preprocessing": of the photos that were timed, decoding and preprocessing took longer than the model;
/// "start-up":      loading and the first run took longer than a thousand images after them;
/// "compute":       multiply-adds at the machine's peak would take half the time or more, and longer than
/// "memory":        reading the weights from memory, where they do not fit into the last cache, would take;
/// "overhead":      neither explains half of the time: small steps, threads that wait, work that is no product.
/// Empty where the row failed, or the peak is not known.
std::string bound_by(const Row& row, const WorkAndMachine& work);

}  // namespace fovea::bench
