#include "bench/report_groups.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/report_text.h"

namespace fovea::bench {
namespace {

bool same_group(const RowGroup& group, const Row& row) {
  return group.model == row.model && group.batch == row.batch && group.threads == row.threads;
}

/// Answers that no choice of kernels or order of sums explains. Only fp32 promises more than that: how far the lower
/// precisions may go is for the reader to say.
bool differs(const Row& row) {
  if (!row.error) return false;
  if (!std::isfinite(row.error->rel_l2)) return true;
  constexpr double kFp32 = 1e-2, kLower = 0.5;
  return row.error->rel_l2 > (row.precision == "fp32" ? kFp32 : kLower);
}

void rank(RowGroup& group, double spread) {
  std::ranges::stable_sort(group.rows, {}, [](const RankedRow& ranked) { return ranked.row->ms.median; });
  for (RankedRow& ranked : group.rows) {
    ranked.differs = differs(*ranked.row);
    group.fastest_images_per_s = std::max(group.fastest_images_per_s, ranked.row->images_per_s);
  }
  for (RankedRow& ranked : group.rows) {
    if (ranked.differs) continue;
    const auto fastest = std::ranges::find_if(group.rows, [&](const RankedRow& other) {
      return !other.differs && other.row->precision == ranked.row->precision;
    });
    ranked.best = ranked.row->ms.median <= fastest->row->ms.median * (1 + spread);
  }
}

std::string meaning_of(const std::string& bound) {
  if (bound == "compute") return "the multiply-adds themselves; fewer bits or fewer products help";
  if (bound == "memory") return "reading the weights; fewer bits or larger batches help";
  if (bound == "preprocessing") return "decoding and resizing photos; scaled decoding or more threads help";
  if (bound == "start-up") return "loading; an engine cache or a process that stays helps";
  if (bound == "overhead") return "neither arithmetic nor memory: small steps and waiting; larger batches help";
  return {};
}

}  // namespace

std::string RowGroup::title() const {
  return fmt::format("{}, batch {}, {}", printable_utf8(model), batch, counted(threads, "thread"));
}

std::vector<RowGroup> groups_of(const Report& report) {
  std::vector<RowGroup> groups;
  for (const Row& row : report.rows) {
    auto group = std::ranges::find_if(groups, [&](const RowGroup& one) { return same_group(one, row); });
    if (group == groups.end()) {
      groups.push_back({row.model, row.batch, row.threads, {}, {}, 0});
      group = std::prev(groups.end());
    }
    if (row.failed)
      group->failed.push_back(&row);
    else
      group->rows.push_back({&row});
  }
  for (RowGroup& group : groups) rank(group, spread_of(report));
  return groups;
}

double spread_of(const Report& report) {
  if (!report.same_with_same) return 0;
  const Ratio& ratio = *report.same_with_same;
  return std::max({std::fabs(ratio.value - 1), std::fabs(ratio.low - 1), std::fabs(ratio.high - 1)});
}

std::string name_of_way(const Row& row) {
  return fmt::format("{} {}", printable_utf8(row.backend), printable_utf8(row.precision));
}

std::string name_of_row(const Row& row) {
  return fmt::format("{} {}, batch {}, {}", printable_utf8(row.model), name_of_way(row), row.batch,
                     counted(row.threads, "thread"));
}

std::vector<Mean> mean_ratios(const Report& report) {
  std::vector<Mean> means;
  if (groups_of(report).size() < 2) return means;
  for (const Row& row : report.rows) {
    if (row.failed || differs(row) || !row.ratio || !(row.ratio->value > 0)) continue;
    const std::string way = name_of_way(row);
    auto mean = std::ranges::find(means, way, &Mean::way);
    if (mean == means.end()) mean = means.insert(means.end(), {way, 0, 0});
    mean->ratio += std::log(row.ratio->value);
    ++mean->groups;
  }
  for (Mean& mean : means) mean.ratio = std::exp(mean.ratio / mean.groups);
  return means;
}

std::vector<Bound> bounds_of(const std::vector<RowGroup>& groups) {
  std::vector<Bound> bounds;
  for (const RowGroup& group : groups) {
    const auto fastest = std::ranges::find(group.rows, false, &RankedRow::differs);
    if (fastest == group.rows.end() || fastest->row->bound_by.empty()) continue;
    const std::string& by = fastest->row->bound_by;
    auto bound = std::ranges::find(bounds, by, &Bound::by);
    if (bound == bounds.end()) bound = bounds.insert(bounds.end(), {by, meaning_of(by), {}});
    bound->groups.push_back(group.title());
  }
  return bounds;
}

}  // namespace fovea::bench
