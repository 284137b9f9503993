// A report as comma-separated values: one record for each row.
#include <cmath>

#include <fmt/format.h>

#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

/// Quoted where RFC 4180 asks for it.
std::string field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string number(const std::optional<double>& value) {  // an infinite distance is "inf"
  return value && !std::isnan(*value) ? fmt::format("{:.6g}", *value) : std::string();
}

struct CsvColumn {
  std::string_view title;
  std::string (*text)(const Row&);
};

template <class Part>
std::string member(const std::optional<Part>& part, double Part::*value) {
  return part ? number((*part).*value) : std::string();
}
/// Rows that failed have no figures, and zeros would lie.
std::string measured(const Row& row, double value) { return row.failed ? std::string() : number(value); }

constexpr CsvColumn kColumns[] = {
    {"model", [](const Row& r) { return printable_utf8(r.model); }},
    {"backend", [](const Row& r) { return printable_utf8(r.backend); }},
    {"library", [](const Row& r) { return printable_utf8(r.library); }},
    {"precision", [](const Row& r) { return printable_utf8(r.precision); }},
    {"batch", [](const Row& r) { return fmt::format("{}", r.batch); }},
    {"threads", [](const Row& r) { return fmt::format("{}", r.threads); }},
    {"min_ms", [](const Row& r) { return measured(r, r.ms.min); }},
    {"median_ms", [](const Row& r) { return measured(r, r.ms.median); }},
    {"p90_ms", [](const Row& r) { return measured(r, r.ms.p90); }},
    {"p99_ms", [](const Row& r) { return measured(r, r.ms.p99); }},
    {"images_per_s", [](const Row& r) { return measured(r, r.images_per_s); }},
    {"ratio", [](const Row& r) { return member(r.ratio, &Ratio::value); }},
    {"ratio_low", [](const Row& r) { return member(r.ratio, &Ratio::low); }},
    {"ratio_high", [](const Row& r) { return member(r.ratio, &Ratio::high); }},
    {"peak_fraction", [](const Row& r) { return number(r.peak_fraction); }},
    {"rel_l2", [](const Row& r) { return member(r.error, &Distance::rel_l2); }},
    {"max_over_rms", [](const Row& r) { return member(r.error, &Distance::max_over_rms); }},
    {"load_s", [](const Row& r) { return number(r.load_s); }},
    {"first_s", [](const Row& r) { return number(r.first_s); }},
    {"rss_mb", [](const Row& r) { return number(r.rss_mb); }},
    {"disk_mb", [](const Row& r) { return number(r.disk_mb); }},
    {"rounds", [](const Row& r) { return r.failed ? "" : fmt::format("{}", r.rounds); }},
    {"dropped", [](const Row& r) { return r.failed ? "" : fmt::format("{}", r.dropped); }},
    {"bound_by", [](const Row& r) { return printable_utf8(r.bound_by); }},
    {"failed", [](const Row& r) { return printable_utf8(r.failed.value_or("")); }},
    {"fix", [](const Row& r) { return printable_utf8(r.fix.value_or("")); }},
};

}  // namespace

std::string to_csv(const Report& report) {
  std::string text;
  std::string_view comma;
  for (const CsvColumn& column : kColumns) {
    text += fmt::format("{}{}", comma, column.title);
    comma = ",";
  }
  text += "\r\n";
  for (const Row& row : report.rows) {
    comma = {};
    for (const CsvColumn& column : kColumns) {
      text += fmt::format("{}{}", comma, field(column.text(row)));
      comma = ",";
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace fovea::bench
