// Two reports of the same comparison, an old one and a new one: what became slower, what vanished, what is new.
#pragma once

#include <string>
#include <vector>

#include "bench/report.h"

namespace fovea::bench {

/// A row that both reports have figures for.
struct Change {
  std::string name;  // "resnet50 native fp32 batch 1, 2 threads"
  double old_ms = 0, new_ms = 0;
  double slower_by = 0;  // new / old - 1: 0.1 is 10 % slower, -0.1 is faster
  bool regressed = false;
  std::string doubt;  // why a large difference is no result: "within the spread of A against A"
};

/// A row that only one report has figures for.
struct Lone {
  std::string name;
  std::string reason, fix;  // why the new report has none, where it says so
};

struct Comparison {
  double fail_over = 0;
  double spread = 0;                // the wider A-against-A spread of the two, as a share
  std::vector<std::string> notes;   // what makes the two hard to compare: another machine, another clock
  std::vector<Change> changes;      // the worst first
  std::vector<Lone> vanished;       // measured before, absent now
  std::vector<Lone> failed;         // measured before, failed now
  std::vector<Lone> still_failing;  // failed before and now: no regression
  std::vector<Lone> added;          // measured for the first time
  bool regressed = false;           // something is slower, vanished or failed
};

/// Rows belong together when model, backend, precision, batch and threads agree. A row regressed when its median is
/// slower by more than `fail_over` (0.05: 5 %) and by more than either report's A-against-A spread.
Comparison compare(const Report& old_report, const Report& new_report, double fail_over);

/// For the terminal, ending with one line of verdict.
std::string to_text(const Comparison& comparison);

}  // namespace fovea::bench
