#include "bench/compare.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "bench/report_groups.h"
#include "bench/report_text.h"

namespace fovea::bench {
namespace {

bool same_way(const Row& a, const Row& b) {
  return a.model == b.model && a.backend == b.backend && a.precision == b.precision && a.batch == b.batch &&
         a.threads == b.threads;
}

/// A report may have a row twice (a worker's name given twice): they belong together in their order.
const Row* partner(const Report& report, const Row& row, std::set<const Row*>& taken) {
  for (const Row& other : report.rows)
    if (same_way(other, row) && taken.insert(&other).second) return &other;
  return nullptr;
}

Change change_of(const Row& before, const Row& now, double fail_over, double spread) {
  Change change{name_of_row(now), before.ms.median, now.ms.median, 0, false, {}};
  if (before.ms.median <= 0) return change;
  change.slower_by = now.ms.median / before.ms.median - 1;
  if (change.slower_by <= fail_over) return change;
  change.regressed = change.slower_by > spread;
  if (!change.regressed) change.doubt = "within the spread of A against A";
  return change;
}

double peak_of_all(const Machine& machine) {
  double most = 0;
  for (const Peak& peak : machine.peaks)
    if (peak.precision == "fp32") most = std::max(most, peak.gmac_per_s);
  return most;
}

std::vector<std::string> doubts(const Report& before, const Report& now) {
  std::vector<std::string> notes;
  const Machine &a = before.machine, &b = now.machine;
  if (a.cpu != b.cpu || a.cores != b.cores || a.isa != b.isa)
    notes.push_back(fmt::format("the machines differ: {} ({}, {}), now {} ({}, {})", printable_utf8(a.cpu),
                                printable_utf8(a.isa), counted(a.cores, "core"), printable_utf8(b.cpu),
                                printable_utf8(b.isa), counted(b.cores, "core")));
  const double old_peak = peak_of_all(a), new_peak = peak_of_all(b);
  constexpr double kSameClock = 0.03;
  if (old_peak > 0 && new_peak > 0 && std::max(old_peak / new_peak, new_peak / old_peak) - 1 > kSameClock)
    notes.push_back(fmt::format("the measured fp32 peak was {} GMAC/s and is {}: another clock or another state",
                                short_text(old_peak), short_text(new_peak)));
  if (!before.same_with_same || !now.same_with_same)
    notes.emplace_back("A against A was not measured in both, so that a difference may be chance");
  return notes;
}

std::string lone_lines(std::string_view what, const std::vector<Lone>& rows) {
  std::string text;
  for (const Lone& row : rows) {
    text += fmt::format("{:<13}{}", what, row.name);
    if (!row.reason.empty()) text += ": " + row.reason;
    if (!row.fix.empty()) text += "; " + row.fix;
    text += '\n';
  }
  return text;
}

}  // namespace

Comparison compare(const Report& old_report, const Report& new_report, double fail_over) {
  Comparison result;
  result.fail_over = fail_over;
  result.spread = std::max(spread_of(old_report), spread_of(new_report));
  result.notes = doubts(old_report, new_report);
  std::set<const Row*> taken;
  for (const Row& before : old_report.rows) {
    const Row* now = partner(new_report, before, taken);
    if (!now) {
      if (!before.failed) result.vanished.push_back({name_of_row(before), {}, {}});
    } else if (now->failed) {
      auto& list = before.failed ? result.still_failing : result.failed;
      list.push_back({name_of_row(*now), printable_utf8(*now->failed), printable_utf8(now->fix.value_or(""))});
    } else if (before.failed) {
      result.added.push_back({name_of_row(*now), "failed before", {}});
    } else {
      result.changes.push_back(change_of(before, *now, fail_over, result.spread));
    }
  }
  for (const Row& row : new_report.rows)
    if (!taken.contains(&row))
      result.added.push_back({name_of_row(row), row.failed ? "failed: " + printable_utf8(*row.failed) : "",
                              printable_utf8(row.fix.value_or(""))});
  std::ranges::stable_sort(result.changes, std::greater(), &Change::slower_by);
  result.regressed =
      !result.vanished.empty() || !result.failed.empty() || std::ranges::any_of(result.changes, &Change::regressed);
  return result;
}

std::string to_text(const Comparison& comparison) {
  std::string text;
  for (const std::string& note : comparison.notes) text += fmt::format("note: {}\n", note);
  int regressions = 0;
  int name_columns = 0;
  for (const Change& change : comparison.changes) name_columns = std::max(name_columns, columns_of(change.name));
  for (const Change& change : comparison.changes) {
    regressions += change.regressed;
    const int decimals = decimals_for(std::min(change.old_ms, change.new_ms));
    text += fmt::format("{:<13}{}  {:>9} -> {:>9} ms  {:+.1f} %{}\n", change.regressed ? "REGRESSED" : "",
                        pad_right(change.name, name_columns), fixed_text(change.old_ms, decimals),
                        fixed_text(change.new_ms, decimals), change.slower_by * 100,
                        change.doubt.empty() ? "" : ", " + change.doubt);
  }
  text += lone_lines("VANISHED", comparison.vanished);
  text += lone_lines("FAILED", comparison.failed);
  text += lone_lines("still failing", comparison.still_failing);
  text += lone_lines("new", comparison.added);
  if (comparison.changes.empty() && comparison.vanished.empty() && comparison.failed.empty())
    text += "no row of the one is in the other: nothing to compare\n";
  text +=
      fmt::format("{}: {} slower by more than {:.3g} % and more than the spread of {:.1f} %, {} vanished, {} failed\n",
                  comparison.regressed ? "regressed" : "no regression", regressions, comparison.fail_over * 100,
                  comparison.spread * 100, comparison.vanished.size(), comparison.failed.size());
  return text;
}

}  // namespace fovea::bench
