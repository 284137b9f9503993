// The rows of a report as people compare them: one group for each model, batch and number of threads.
#pragma once

#include <string>
#include <vector>

#include "bench/report.h"

namespace fovea::bench {

struct RankedRow {
  const Row* row = nullptr;
  bool best = false;     // the fastest of its precision, or too near to it to be told apart
  bool differs = false;  // its answers are so far from the reference that the speed says nothing
};

struct RowGroup {
  std::string model;
  int64_t batch = 1;
  int threads = 1;
  std::vector<RankedRow> rows;     // by median, the fastest first
  std::vector<const Row*> failed;  // in the report's order
  double fastest_images_per_s = 0;

  /// "resnet50, batch 1, 2 threads".
  std::string title() const;
};

/// Groups in the order in which the report first names them; they point into the report.
std::vector<RowGroup> groups_of(const Report& report);

/// The share by which A differed from A: 0.01 is 1 %. 0 where it was not measured.
double spread_of(const Report& report);

/// "native fp32", "resnet50 native fp32, batch 1, 2 threads".
std::string name_of_way(const Row& row);
std::string name_of_row(const Row& row);

/// The ratios of one way of running, over all groups where it has one and its answers are right.
struct Mean {
  std::string way;   // "native fp32"
  double ratio = 1;  // geometric mean
  int groups = 0;
};
/// In the order of the report; empty for a report of one group.
std::vector<Mean> mean_ratios(const Report& report);

/// Which groups' fastest rows with right answers are bound by what: {"compute", {"resnet50, batch 1, 2 threads"}}.
struct Bound {
  std::string by;
  std::string meaning;  // what would help
  std::vector<std::string> groups;
};
std::vector<Bound> bounds_of(const std::vector<RowGroup>& groups);

}  // namespace fovea::bench
