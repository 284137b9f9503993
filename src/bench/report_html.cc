// A report as one page that needs nothing else: style and pictures are within.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/report_grid.h"
#include "bench/report_svg.h"
#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

// Colours by Okabe and Ito, which people of all kinds of sight tell apart, a little darker on white and lighter on
// black. A precision has its own shape in the pictures as well, and each bar and dot its name beside it.
constexpr std::string_view kStyle = R"(
:root { --ink: #1b1f23; --soft: #57606a; --rule: #d0d7de; --paper: #ffffff; --band: #f6f8fa;
  --fp32: #0072b2; --bf16: #c85200; --int8: #00835f; --fp16: #b5508a; --other: #6b6b6b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4ae; --rule: #3a424b; --paper: #14181d; --band: #1d232a;
    --fp32: #56b4e9; --bf16: #e69f00; --int8: #33c49a; --fp16: #e39ac5; --other: #a0a0a0; --bad: #ff8a80; } }
@media print {
  :root { --ink: #000000; --soft: #333333; --rule: #bbbbbb; --paper: #ffffff; --band: #ffffff;
    --fp32: #0072b2; --bf16: #c85200; --int8: #00835f; --fp16: #b5508a; --other: #6b6b6b; --bad: #b3261e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; color-scheme: light dark; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .soft { color: var(--soft); } .bad, .failed td { color: var(--bad); }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1.5rem; }
figure { margin: 0; max-width: 760px; } figcaption { color: var(--soft); font-size: .85rem; margin-bottom: .35rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 12.5px;
  paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
svg .strong { font-weight: 700; } .grid { stroke: var(--rule); stroke-width: .7; } .axis { stroke: var(--soft); }
.leader { stroke: var(--soft); stroke-width: .7; } .mark { stroke: var(--soft); stroke-dasharray: 4 3; }
.p-fp32 { fill: var(--fp32); } .p-bf16 { fill: var(--bf16); } .p-int8 { fill: var(--int8); }
.p-fp16 { fill: var(--fp16); } .p-other { fill: var(--other); } .dot { stroke: var(--paper); stroke-width: 1; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0; font-size: .82rem;
  font-variant-numeric: tabular-nums; } th, td { padding: .22rem .45rem; text-align: right; white-space: nowrap; }
th { border-bottom: 2px solid var(--rule); font-weight: 600; } td { border-bottom: 1px solid var(--rule); }
th.left, td.left { text-align: left; } tr.best td { font-weight: 700; } tr:nth-child(even) td { background: var(--band); }
td.reason { white-space: normal; text-align: left; } dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
@page { size: A4 landscape; margin: 12mm; }
@media print { body { padding: 0; font-size: 10pt; max-width: none; } figcaption { font-size: 8pt; }
  dl { font-size: 8.5pt; } dd { margin: 0 0 .2rem; } .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding: .1rem .3rem; } tr, figure { break-inside: avoid; }
  h2 { break-after: avoid; } .pictures { grid-template-columns: 1fr 1fr; } * { print-color-adjust: exact; } }
)";

std::string page_title(const std::vector<RowGroup>& groups) {
  std::vector<std::string> models;
  for (const RowGroup& group : groups)
    if (std::ranges::find(models, group.model) == models.end()) models.push_back(group.model);
  if (models.empty()) return "fovea bench";
  return models.size() == 1 ? fmt::format("{}, side by side", models.front())
                            : fmt::format("{} models, side by side", models.size());
}

std::string table(const Grid& grid) {
  std::string html = "<div class=\"wide\"><table><thead><tr>";
  const auto side = [](const GridColumn& column) { return column.left ? " class=\"left\"" : ""; };
  for (const GridColumn& column : grid.columns) {
    html += fmt::format("<th scope=\"col\"{}", side(column));
    if (!column.meaning.empty()) html += fmt::format(" title=\"{}\"", html_text(column.meaning));
    html += fmt::format(">{}</th>", html_text(column.title));
  }
  html += "</tr></thead><tbody>\n";
  for (const GridRow& row : grid.rows) {
    html += row.strong ? "<tr class=\"best\">" : "<tr>";
    for (size_t i = 0; i < grid.columns.size(); ++i)
      html += fmt::format("<td{}>{}</td>", side(grid.columns[i]), html_text(row.cells[i]));
    html += "</tr>\n";
  }
  for (const Failure& failure : grid.failures)
    html += fmt::format(
        "<tr class=\"failed\"><td class=\"left\">{}</td><td class=\"left\">{}</td><td class=\"reason\" colspan=\"{}\">"
        "failed: {}{}{}</td></tr>\n",
        html_text(failure.backend), html_text(failure.precision), grid.columns.size() - 2, html_text(failure.reason),
        failure.fix.empty() ? "" : "; fix: ", html_text(failure.fix));
  return html + "</tbody></table></div>\n";
}

std::string figure(std::string_view caption, std::string_view svg) {
  if (svg.empty()) return {};
  return fmt::format("<figure><figcaption>{}</figcaption>{}</figure>\n", html_text(caption), svg);
}

std::string speed_picture(const RowGroup& group) {
  std::vector<Bar> bars;
  const int decimals = group.rows.empty() ? 0 : decimals_for(group.rows.front().row->ms.median);
  for (const RankedRow& ranked : group.rows) {
    const Row& row = *ranked.row;
    const std::string figures =
        fmt::format("{}/s, {} ms", short_text(row.images_per_s), fixed_text(row.ms.median, decimals));
    bars.push_back({name_of_way(row), row.precision, row.images_per_s, figures, ranked.best});
  }
  return figure("Speed: images a second, longer is faster. Beside it the median of one run.",
                bars_svg("Speed of " + group.title(), bars));
}

std::string error_picture(const RowGroup& group) {
  std::vector<Dot> dots;
  for (const RankedRow& ranked : group.rows) {
    const Row& row = *ranked.row;
    if (row.error && std::isfinite(row.error->rel_l2))
      dots.push_back(
          {name_of_way(row), row.precision, row.ms.median / static_cast<double>(row.batch), row.error->rel_l2});
  }
  return figure("Speed against error: further left is faster, further down is nearer to the fp32 reference.",
                dots_svg("Speed against error of " + group.title(), "ms for one image", "relative L2 error", dots));
}

/// Of all groups together, where there are several.
std::string summary_picture(const Report& report) {
  std::vector<Mean> means = mean_ratios(report);
  if (means.empty()) return {};
  std::ranges::stable_sort(means, std::greater(), &Mean::ratio);
  std::vector<Bar> bars;
  for (const Mean& mean : means) {
    const std::string precision = mean.way.substr(mean.way.rfind(' ') + 1);
    bars.push_back(
        {mean.way, precision, mean.ratio, fmt::format("{:.3f} ({})", mean.ratio, counted(mean.groups, "group"))});
  }
  return fmt::format(
      "<h2>All together</h2>\n<div class=\"pictures\">{}</div>\n",
      figure(fmt::format("Geometric mean of the ratios: times as fast as {} in the same precision (the broken line).",
                         report.baseline.empty() ? "the baseline" : report.baseline),
             bars_svg("Mean ratio of each way of running", bars, 1)));
}

std::string sections(const std::vector<Grid>& grids) {
  std::string html;
  for (const Grid& grid : grids)
    html += fmt::format("<section><h2>{}</h2>\n{}</section>\n", html_text(grid.title), table(grid));
  return html;
}

std::string lines_about(const Report& report, const std::vector<RowGroup>& groups) {
  std::string html = "<h2>How to read it, and how to repeat it</h2>\n<dl>\n";
  html += "<dt>bold</dt><dd>the fastest of its precision, or too near to be told apart</dd>\n";
  if (!report.baseline.empty())
    html +=
        fmt::format("<dt>ratio</dt><dd>times as fast as {} in the same precision</dd>\n", html_text(report.baseline));
  for (const Line& line : about(report, groups)) {
    const bool code = line.label == "repeat";
    html += fmt::format("<dt{}>{}</dt><dd>{}{}{}</dd>\n", line.label == "WRONG" ? " class=\"bad\"" : "",
                        html_text(line.label), code ? "<code>" : "", html_text(line.text), code ? "</code>" : "");
  }
  return html + "</dl>\n";
}

}  // namespace

std::string to_html(const Report& report) {
  const std::vector<RowGroup> groups = groups_of(report);
  const std::vector<Grid> grids = result_grids(report, groups);
  const std::string title = html_text(page_title(groups));
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{}</style>"
      "</head>\n<body>\n<h1>{}</h1>\n<p class=\"soft\">{}, {}; fovea {}, {}</p>\n",
      title, kStyle, title, html_text(report.machine.cpu), counted(report.machine.cores, "core"),
      html_text(report.version), html_text(report.date));
  html += summary_picture(report);
  for (size_t i = 0; i < groups.size(); ++i)
    html +=
        fmt::format("<section><h2>{}</h2>\n<div class=\"pictures\">{}{}</div>\n{}</section>\n",
                    html_text(groups[i].title()), speed_picture(groups[i]), error_picture(groups[i]), table(grids[i]));
  html += sections(stage_grids(report)) + sections(step_grids(report)) + sections(fact_grids(report)) +
          lines_about(report, groups);
  return html + "</body></html>\n";
}

}  // namespace fovea::bench
