#include "bench/report_grid.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "bench/report_text.h"

namespace fovea::bench {
namespace {

/// What a cell may need to know.
struct Place {
  const Report& report;
  const RowGroup& group;
  const RankedRow& ranked;
  int decimals;  // of the group's times
  const Row& row() const { return *ranked.row; }
};

std::string optional_text(const std::optional<double>& value) { return value ? short_text(*value) : std::string(); }

std::string interval_text(const Place& place) {
  const Row& row = place.row();
  if (!row.ratio) return {};
  const bool itself = row.ratio->value == 1 && row.ratio->low == 1 && row.ratio->high == 1;
  if (itself && row.backend == place.report.baseline) return "baseline";
  return fmt::format("{:.3f} – {:.3f}", row.ratio->low, row.ratio->high);
}

struct ResultColumn {
  GridColumn column;
  std::string (*text)(const Place&);
};

constexpr ResultColumn kResultColumns[] = {
    {{"backend", "what ran the model", true, kAlways}, [](const Place& p) { return printable_utf8(p.row().backend); }},
    {{"precision", "of the products", true, kAlways}, [](const Place& p) { return printable_utf8(p.row().precision); }},
    {{"median ms", "of one run of the whole batch", false, kAlways},
     [](const Place& p) { return fixed_text(p.row().ms.median, p.decimals); }},
    {{"p90", "ms within which 90 % of the runs ended", false, 5},
     [](const Place& p) { return fixed_text(p.row().ms.p90, p.decimals); }},
    {{"p99", "ms within which 99 % of the runs ended", false, 2},
     [](const Place& p) { return fixed_text(p.row().ms.p99, p.decimals); }},
    {{"images/s", "batch over median", false, 9}, [](const Place& p) { return short_text(p.row().images_per_s); }},
    {{"ratio",
      "how many times as fast as the baseline in the same precision: the median of the ratios within each round", false,
      11},
     [](const Place& p) { return p.row().ratio ? fixed_text(p.row().ratio->value, 3) : std::string(); }},
    {{"interval", "of the ratio, 95 %, by bootstrap", false, 8}, interval_text},
    {{"of peak", "multiply-adds a second over the most that this machine can do in this precision", false, 10},
     [](const Place& p) { return p.row().peak_fraction ? percent_text(*p.row().peak_fraction) : std::string(); }},
    {{"rel. L2", "distance of the outputs from the fp32 reference, over the reference", false, 12},
     [](const Place& p) { return p.row().error ? error_text(p.row().error->rel_l2) : std::string(); }},
    {{"max/RMS", "the largest difference over the reference's root mean square", false, 7},
     [](const Place& p) { return p.row().error ? error_text(p.row().error->max_over_rms) : std::string(); }},
    {{"load s", "from the file to an engine", false, 4}, [](const Place& p) { return optional_text(p.row().load_s); }},
    {{"first s", "the first answer after loading", false, 3},
     [](const Place& p) { return optional_text(p.row().first_s); }},
    {{"RSS MB", "the process's memory at its peak", false, 6},
     [](const Place& p) { return optional_text(p.row().rss_mb); }},
    {{"disk MB", "the model's files as this row reads them", false, 1},
     [](const Place& p) { return optional_text(p.row().disk_mb); }},
    {{"bound by", "what the time is spent on", true, 0},
     [](const Place& p) { return printable_utf8(p.row().bound_by); }},
};

std::vector<std::string> cells_of(const Place& place) {
  std::vector<std::string> cells;
  for (const ResultColumn& column : kResultColumns) cells.push_back(column.text(place));
  return cells;
}

Grid grid_of(const Report& report, const RowGroup& group) {
  Grid grid;
  grid.title = group.title();
  for (const ResultColumn& column : kResultColumns) grid.columns.push_back(column.column);
  const int decimals = group.rows.empty() ? 0 : decimals_for(group.rows.front().row->ms.median);
  for (const RankedRow& ranked : group.rows)
    grid.rows.push_back({cells_of({report, group, ranked, decimals}), ranked.best, ranked.row->images_per_s});
  for (const Row* row : group.failed)
    grid.failures.push_back({printable_utf8(row->backend), printable_utf8(row->precision), printable_utf8(*row->failed),
                             printable_utf8(row->fix.value_or(""))});
  return grid;
}

/// Without the columns, other than those that always stay, in which no row of any grid has something.
void remove_empty_columns(std::vector<Grid>& grids) {
  for (size_t column = std::size(kResultColumns); column-- > 0;) {
    const bool used =
        kResultColumns[column].column.keep == kAlways || std::ranges::any_of(grids, [&](const Grid& grid) {
          return std::ranges::any_of(grid.rows, [&](const GridRow& row) { return !row.cells[column].empty(); });
        });
    if (used) continue;
    const auto place = static_cast<std::ptrdiff_t>(column);
    for (Grid& grid : grids) {
      grid.columns.erase(grid.columns.begin() + place);
      for (GridRow& row : grid.rows) row.cells.erase(row.cells.begin() + place);
    }
  }
}

double sum_of(const Stages& s) { return s.decode + s.preprocess + s.infer + s.postprocess; }

}  // namespace

std::vector<Grid> result_grids(const Report& report, const std::vector<RowGroup>& groups) {
  std::vector<Grid> grids;
  for (const RowGroup& group : groups) grids.push_back(grid_of(report, group));
  remove_empty_columns(grids);
  return grids;
}

std::vector<Grid> stage_grids(const Report& report) {
  std::vector<Grid> grids;
  for (const RowGroup& group : groups_of(report)) {
    Grid grid;
    grid.title = group.title() + ": ms for one photo";
    grid.columns = {{"backend", "", true, kAlways}, {"precision", "", true, kAlways}, {"photo", "", true, 3},
                    {"decode", "", false, 2},       {"preprocess", "", false, 2},     {"infer", "", false, 2},
                    {"postprocess", "", false, 1},  {"together", "", false, kAlways}};
    double smallest = std::numeric_limits<double>::infinity();
    for (const RankedRow& ranked : group.rows)
      for (const Stages& stages : ranked.row->stages) smallest = std::min(smallest, sum_of(stages));
    const int decimals = std::max(1, decimals_for(smallest));
    for (const RankedRow& ranked : group.rows)
      for (const Stages& s : ranked.row->stages)
        grid.rows.push_back(
            {{printable_utf8(ranked.row->backend), printable_utf8(ranked.row->precision), printable_utf8(s.photo),
              fixed_text(s.decode, decimals), fixed_text(s.preprocess, decimals), fixed_text(s.infer, decimals),
              fixed_text(s.postprocess, decimals), fixed_text(sum_of(s), decimals)}});
    if (!grid.rows.empty()) grids.push_back(std::move(grid));
  }
  return grids;
}

std::vector<Grid> step_grids(const Report& report) {
  std::vector<Grid> grids;
  for (const Row& row : report.rows) {
    if (row.steps.empty()) continue;
    double sum = 0;
    for (const StepRow& step : row.steps) sum += step.ms;
    Grid grid;
    grid.title = fmt::format("{}: {}, {} ms together", name_of_row(row),
                             counted(static_cast<int64_t>(row.steps.size()), "step"), short_text(sum));
    grid.columns = {{"ms", "", false, kAlways}, {"share", "", false, 4}, {"GMAC", "", false, 1},
                    {"of peak", "", false, 3},  {"kernel", "", true, 2}, {"node", "", true, kAlways}};
    for (const StepRow& step : row.steps)
      grid.rows.push_back(
          {{fixed_text(step.ms, 3), fmt::format("{:.1f} %", sum > 0 ? step.ms / sum * 100 : 0),
            step.gmac > 0 ? fixed_text(step.gmac, 4) : "", step.peak_fraction ? percent_text(*step.peak_fraction) : "",
            printable_utf8(step.kernel), printable_utf8(step.node)}});
    grids.push_back(std::move(grid));
  }
  return grids;
}

std::vector<Grid> fact_grids(const Report& report) {
  Grid grid;
  grid.title = "What the engines said of themselves";
  grid.columns = {{"row", "", true, kAlways}, {"", "", true, kAlways}};
  for (const Row& row : report.rows)
    for (const std::string& fact : row.facts) grid.rows.push_back({{name_of_row(row), printable_utf8(fact)}});
  if (grid.rows.empty()) return {};
  return {std::move(grid)};
}

}  // namespace fovea::bench
