// A report for the terminal.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/report_grid.h"
#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

constexpr int kGap = 2;          // columns between columns
constexpr int kMark = 2;         // before each row: "* " for the best
constexpr int kLeastWidth = 40;  // a terminal that is narrower gets lines that are too long
constexpr int kShortestBar = 8, kLongestBar = 24;
constexpr int kShortestName = 8;

class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}
  std::string bold(std::string_view text) const { return escape("1", text); }
  std::string dim(std::string_view text) const { return escape("2", text); }
  std::string red(std::string_view text) const { return escape("31", text); }
  std::string cyan(std::string_view text) const { return escape("36", text); }

 private:
  std::string escape(std::string_view code, std::string_view text) const {
    return colour_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
  }
  bool colour_;
};

/// Which columns of some grids fit, and how wide they are.
struct Layout {
  std::vector<size_t> shown;
  std::vector<int> widths;  // by column, of all
  std::vector<std::string_view> left_out;
  bool shortened = false;  // the widest of the columns that stay, too
  int bar = 0;             // columns for bars
  int used() const {
    int sum = kMark;
    for (size_t column : shown) sum += widths[column] + kGap;
    return sum - kGap;
  }
};

std::vector<int> natural_widths(const std::vector<Grid>& grids) {
  std::vector<int> widths;
  for (const GridColumn& column : grids.front().columns) widths.push_back(columns_of(column.title));
  for (const Grid& grid : grids) {
    for (const GridRow& row : grid.rows)
      for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], columns_of(row.cells[i]));
    for (const Failure& failure : grid.failures) {  // the first two columns are theirs
      widths[0] = std::max(widths[0], columns_of(failure.backend));
      widths[1] = std::max(widths[1], columns_of(failure.precision));
    }
  }
  return widths;
}

/// Precondition: all grids have the same columns, and there is at least one grid.
Layout fit(const std::vector<Grid>& grids, int width, bool bars) {
  const auto& columns = grids.front().columns;
  Layout layout;
  layout.widths = natural_widths(grids);
  for (size_t i = 0; i < columns.size(); ++i) layout.shown.push_back(i);
  while (layout.used() > width) {
    const auto least = std::ranges::min_element(layout.shown, {}, [&](size_t i) { return columns[i].keep; });
    if (columns[*least].keep == kAlways) break;
    layout.left_out.push_back(columns[*least].title);
    layout.shown.erase(least);
  }
  while (layout.used() > width) {  // then names become shorter, the longest first
    const auto widest = std::ranges::max_element(layout.shown, {}, [&](size_t i) { return layout.widths[i]; });
    if (layout.widths[*widest] <= kShortestName) break;
    --layout.widths[*widest];
    layout.shortened = true;
  }
  const int rest = width - layout.used() - kGap;
  if (bars && rest >= kShortestBar) layout.bar = std::min(rest, kLongestBar);
  return layout;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string header(const Grid& grid, const Layout& layout) {
  std::string line(kMark, ' ');
  for (size_t i : layout.shown) {
    const GridColumn& column = grid.columns[i];
    const std::string title = shorten(column.title, layout.widths[i]);
    line += column.left ? pad_right(title, layout.widths[i]) : pad_left(title, layout.widths[i]);
    line += std::string(kGap, ' ');
  }
  if (layout.bar > 0) line += "speed";
  return without_trailing_spaces(std::move(line));
}

std::string body(const Grid& grid, const GridRow& row, const Layout& layout, double fastest) {
  std::string line = row.strong ? "* " : "  ";
  for (size_t i : layout.shown) {
    const std::string cell = shorten(row.cells[i].empty() ? "-" : row.cells[i], layout.widths[i]);
    line += grid.columns[i].left ? pad_right(cell, layout.widths[i]) : pad_left(cell, layout.widths[i]);
    line += std::string(kGap, ' ');
  }
  if (layout.bar > 0) line += bar_text(row.speed, fastest, layout.bar);
  return without_trailing_spaces(std::move(line));
}

/// "  torch  fp32  failed: it has no such operator", and the fix below; both wrapped.
std::string failure_lines(const Failure& failure, const Layout& layout, int width, const Style& style) {
  std::string start = fmt::format("{}{}  {}  ", std::string(kMark, ' '),
                                  pad_right(shorten(failure.backend, layout.widths[0]), layout.widths[0]),
                                  pad_right(shorten(failure.precision, layout.widths[1]), layout.widths[1]));
  std::string text;
  int indent = columns_of(start);
  constexpr int kReadable = 36;
  if (width - indent < kReadable) {  // below the name, then
    text = without_trailing_spaces(start) + '\n';
    indent = 2 * kMark;
    start = std::string(static_cast<size_t>(indent), ' ');
  }
  const auto add = [&](std::string_view prefix, std::string_view what, bool red) {
    if (what.empty()) return;
    for (const std::string& line : wrap(fmt::format("{}{}", prefix, what), width - indent)) {
      text += start + (red ? style.red(line) : line) + '\n';
      start = std::string(static_cast<size_t>(indent), ' ');
    }
  };
  add("failed: ", failure.reason.empty() ? "no reason known" : failure.reason, true);
  add("fix: ", failure.fix, false);
  return text;
}

std::string tables(const std::vector<Grid>& grids, const Layout& layout, int width, const Style& style) {
  std::string text = style.dim(header(grids.front(), layout)) + '\n';
  for (const Grid& grid : grids) {
    for (const std::string& line : wrap(grid.title, width)) text += style.cyan(line) + '\n';
    double fastest = 0;
    for (const GridRow& row : grid.rows) fastest = std::max(fastest, row.speed);
    for (const GridRow& row : grid.rows) {
      const std::string line = body(grid, row, layout, fastest);
      text += (row.strong ? style.bold(line) : line) + '\n';
    }
    for (const Failure& failure : grid.failures) text += failure_lines(failure, layout, width, style);
  }
  return text;
}

std::string left_out_text(const Layout& layout) {
  std::string text;
  if (!layout.left_out.empty())
    text = fmt::format("not shown, because the terminal is narrow: {} (--format json has all)",
                       fmt::join(layout.left_out, ", "));
  if (layout.shortened) text += fmt::format("{}\"…\" ends a text that was cut", text.empty() ? "" : "; ");
  return text;
}

/// Below the results, each only where it applies.
std::string legend(const Report& report, const Layout& layout) {
  std::string text = "* the fastest of its precision, or too near to be told apart";
  const bool ratios = std::ranges::any_of(report.rows, [](const Row& row) { return row.ratio.has_value(); });
  if (ratios && !report.baseline.empty())
    text += fmt::format("; ratio: times as fast as {} in the same precision", printable_utf8(report.baseline));
  if (layout.bar > 0) text += "; speed: images a second, within the group";
  const std::string left_out = left_out_text(layout);
  if (!left_out.empty()) text += "; " + left_out;
  return text;
}

std::string labelled(std::string_view label, std::string_view value, int width, const Style& style) {
  constexpr int kLabel = 12;
  const std::string name = pad_right(label, kLabel);
  std::string text;
  if (label == "repeat")  // in one piece, to be copied
    return style.dim(name) + std::string(value) + '\n';
  for (const std::string& line : wrap(value, width - kLabel)) {
    text += text.empty() ? (label == "WRONG" ? style.red(name) : style.dim(name)) : std::string(kLabel, ' ');
    text += line + '\n';
  }
  return text;
}

/// Grids that need not share their columns' widths, each with its header.
std::string more_tables(const std::vector<Grid>& grids, int width, const Style& style) {
  std::string text;
  for (const Grid& grid : grids) {
    const Layout layout = fit({grid}, width, false);
    text += '\n' + tables({grid}, layout, width, style);
    const std::string left_out = left_out_text(layout);
    if (!left_out.empty()) text += labelled("legend", left_out, width, style);
  }
  return text;
}

}  // namespace

std::string to_table(const Report& report, int width, bool colour) {
  width = std::max(width, kLeastWidth);
  const Style style(colour);
  const std::vector<RowGroup> groups = groups_of(report);
  if (groups.empty()) return "no rows: nothing was compared\n";
  const std::vector<Grid> grids = result_grids(report, groups);
  const Layout layout = fit(grids, width, true);
  std::string text = tables(grids, layout, width, style);
  text += more_tables(stage_grids(report), width, style);
  text += more_tables(step_grids(report), width, style);
  text += '\n' + labelled("legend", legend(report, layout), width, style);
  for (const Line& line : about(report, groups)) text += labelled(line.label, line.text, width, style);
  return text;
}

}  // namespace fovea::bench
