// The lines below the tables: machine, method, meaning.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/report_grid.h"
#include "bench/report_text.h"

namespace fovea::bench {
namespace {

std::string machine_text(const Machine& machine) {
  std::string text = machine.cpu;
  if (!machine.isa.empty()) text += fmt::format(" ({})", machine.isa);
  text += ", " + counted(machine.cores, "core");
  if (machine.memory_gb > 0) text += fmt::format(", {:.1f} GB", machine.memory_gb);
  if (!machine.system.empty()) text += ", " + machine.system;
  return printable_utf8(text);
}

/// "with 1 thread fp32 49.2, int8 98.1; with 2 fp32 ... GMAC/s; memory 38 GB/s".
std::string peaks_text(const Machine& machine) {
  std::string text;
  for (size_t i = 0; i < machine.peaks.size(); ++i) {
    const Peak& peak = machine.peaks[i];
    if (i == 0 || peak.threads != machine.peaks[i - 1].threads)
      text += fmt::format("{}with {} ", i == 0 ? "" : "; ", counted(peak.threads, "thread"));
    else
      text += ", ";
    text += fmt::format("{} {}", printable_utf8(peak.precision), short_text(peak.gmac_per_s));
  }
  if (!text.empty()) text += " GMAC/s";
  if (machine.memory_gb_per_s > 0)
    text += fmt::format("{}reading memory {} GB/s", text.empty() ? "" : "; ", short_text(machine.memory_gb_per_s));
  return text;
}

std::string rounds_text(const Report& report) {
  int least = 0, most = 0, dropped = 0;
  bool first = true;
  for (const Row& row : report.rows) {
    if (row.failed) continue;
    least = first ? row.rounds : std::min(least, row.rounds);
    most = std::max(most, row.rounds);
    dropped = std::max(dropped, row.dropped);
    first = false;
  }
  if (most == 0) return {};
  const std::string rounds = least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most);
  if (dropped == 0) return fmt::format("{} for each row, none left out", rounds);
  return fmt::format("{} that count for each row; up to {} more were left out: stolen time, a slow clock", rounds,
                     dropped);
}

std::string same_text(const Report& report) {
  if (!report.same_with_same) return {};
  const Ratio& ratio = *report.same_with_same;
  return fmt::format("{} beside itself: {:.3f}, 95 % within {:.3f} – {:.3f}; no difference below {:.1f} % is a result",
                     report.baseline.empty() ? "the baseline" : printable_utf8(report.baseline), ratio.value, ratio.low,
                     ratio.high, spread_of(report) * 100);
}

std::string libraries_text(const Report& report) {
  std::vector<std::string> lines;
  for (const Row& row : report.rows) {
    if (row.library.empty()) continue;
    std::string line = printable_utf8(fmt::format("{}: {}", row.backend, row.library));
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  return fmt::format("{}", fmt::join(lines, "; "));
}

std::string means_text(const Report& report) {
  std::vector<std::string> parts;
  for (const Mean& mean : mean_ratios(report))
    parts.push_back(fmt::format("{} {:.3f} ({})", mean.way, mean.ratio, counted(mean.groups, "group")));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string differing_text(const std::vector<RowGroup>& groups) {
  std::vector<std::string> names;
  for (const RowGroup& group : groups)
    for (const RankedRow& ranked : group.rows)
      if (ranked.differs) names.push_back(name_of_row(*ranked.row));
  if (names.empty()) return {};
  return fmt::format("{}: the answers are not the model's, so that the speed says nothing", fmt::join(names, "; "));
}

}  // namespace

std::vector<Line> about(const Report& report, const std::vector<RowGroup>& groups) {
  std::vector<Line> lines;
  const auto line = [&](std::string_view label, std::string text) {
    if (!text.empty()) lines.push_back({std::string(label), std::move(text)});
  };
  line("WRONG", differing_text(groups));
  line("mean ratio", means_text(report));
  for (const Bound& bound : bounds_of(groups))
    line("bound by", fmt::format("{}{}{}: {}", printable_utf8(bound.by), bound.meaning.empty() ? "" : ", ",
                                 bound.meaning, fmt::join(bound.groups, "; ")));
  line("machine", machine_text(report.machine));
  line("peak", peaks_text(report.machine));
  line("rounds", rounds_text(report));
  line("A and A", same_text(report));
  line("libraries", libraries_text(report));
  for (const std::string& note : report.notes) line("note", printable_utf8(note));
  std::string when = report.version.empty() ? "" : "fovea " + printable_utf8(report.version);
  if (!report.date.empty()) when += (when.empty() ? "" : ", ") + printable_utf8(report.date);
  line("measured", std::move(when));
  line("repeat", printable_utf8(report.command));
  return lines;
}

}  // namespace fovea::bench
