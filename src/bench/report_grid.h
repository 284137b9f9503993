// A report as tables of text and lines about it: what the terminal, Markdown and HTML have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"
#include "bench/report_groups.h"

namespace fovea::bench {

struct GridColumn {
  std::string_view title;
  std::string_view meaning;  // for a legend
  bool left = false;         // aligned left; figures are aligned right
  int keep = 0;              // where not all columns fit, those with the smallest number go first
};
constexpr int kAlways = 100;  // GridColumn::keep of what never goes

struct GridRow {
  std::vector<std::string> cells;  // as many as columns; UTF-8 without control characters
  bool strong = false;             // the best of its group
  double speed = 0;                // images a second, for a bar
};

/// Why a row has no figures.
struct Failure {
  std::string backend, precision, reason, fix;
};

struct Grid {
  std::string title;
  std::vector<GridColumn> columns;
  std::vector<GridRow> rows;
  std::vector<Failure> failures;
};

/// One for each group, all with the same columns: those that at least one row has something in.
std::vector<Grid> result_grids(const Report& report, const std::vector<RowGroup>& groups);

/// What each stage took for the photos, if that was measured.
std::vector<Grid> stage_grids(const Report& report);

/// The steps of each engine that was asked for them, in the order in which they run.
std::vector<Grid> step_grids(const Report& report);

/// What the engines said of themselves, such as the options that reached the runtime; long, so not for a terminal.
std::vector<Grid> fact_grids(const Report& report);

struct Line {
  std::string label, text;
};

/// How to read the figures, and where they come from: the machine and its peaks, rounds, A against A, the libraries,
/// means, what bounds the results, notes, and the command that repeats them.
std::vector<Line> about(const Report& report, const std::vector<RowGroup>& groups);

}  // namespace fovea::bench
