// A report as GitHub renders it.
#include <fmt/format.h>

#include "bench/report_grid.h"
#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

/// Text that stays text: neither markup nor HTML, nor the end of a cell.
std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (std::string_view("\\`*_[]<>|~#$&").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string cell(const GridRow& row, size_t i) {
  const std::string text = escaped(row.cells[i]);
  return row.strong && !text.empty() ? fmt::format("**{}**", text) : text;
}

std::string table(const Grid& grid) {
  std::string text = "|", rule = "|";
  for (const GridColumn& column : grid.columns) {
    text += fmt::format(" {} |", escaped(column.title));
    rule += column.left ? " --- |" : " ---: |";
  }
  text += '\n' + rule + '\n';
  for (const GridRow& row : grid.rows) {
    text += '|';
    for (size_t i = 0; i < grid.columns.size(); ++i) text += fmt::format(" {} |", cell(row, i));
    text += '\n';
  }
  return text;
}

/// As a code span that holds whatever backticks the text has.
std::string code(std::string_view text) {
  size_t longest = 0, run = 0;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  const std::string_view space = longest > 0 ? " " : "";
  return fmt::format("{}{}{}{}{}", fence, space, text, space, fence);
}

void add(std::string& text, const Grid& grid) {
  text += fmt::format("\n### {}\n\n", escaped(grid.title));
  if (!grid.rows.empty()) text += table(grid);
  if (!grid.rows.empty() && !grid.failures.empty()) text += '\n';
  for (const Failure& failure : grid.failures) {
    text += fmt::format("- {} {} failed: {}", escaped(failure.backend), escaped(failure.precision),
                        escaped(failure.reason));
    if (!failure.fix.empty()) text += fmt::format("; fix: {}", escaped(failure.fix));
    text += '\n';
  }
}

}  // namespace

std::string to_markdown(const Report& report) {
  const std::vector<RowGroup> groups = groups_of(report);
  std::string text = "## Side by side\n";
  for (const Grid& grid : result_grids(report, groups)) add(text, grid);
  text += "\nBold: the fastest of its precision, or too near to be told apart.";
  if (!report.baseline.empty())
    text += fmt::format(" Ratio: times as fast as {} in the same precision.", escaped(printable_utf8(report.baseline)));
  text += '\n';
  for (const Grid& grid : stage_grids(report)) add(text, grid);
  for (const Grid& grid : step_grids(report)) add(text, grid);
  for (const Grid& grid : fact_grids(report)) add(text, grid);
  text += '\n';
  for (const Line& line : about(report, groups))
    text += fmt::format("- {}: {}\n", line.label, line.label == "repeat" ? code(line.text) : escaped(line.text));
  return text;
}

}  // namespace fovea::bench
