// A report in the forms that people and programs read, and the way back from JSON lines.
#pragma once

#include <string>
#include <string_view>

#include "bench/compare.h"
#include "bench/report.h"
#include "fovea/result.h"

namespace fovea::bench {

/// For a terminal of `width` columns. One group for each model, batch and number of threads, the fastest first, what
/// failed last; a footer on the machine and the method. Columns that do not fit are left out and named below.
/// `colour`: with ANSI escapes.
std::string to_table(const Report& report, int width, bool colour);

/// Tables as GitHub renders them, with all columns.
std::string to_markdown(const Report& report);

/// One record for each row, RFC 4180. Stages and steps are in the JSON lines only.
std::string to_csv(const Report& report);

/// The first line says where the figures come from: {"machine": ...}; then one object for each row, the same fields in
/// every release. Numbers have six significant digits.
std::string to_json_lines(const Report& report);

/// A page of its own: bars of the speed, dots of speed against error, the tables; nothing is loaded from elsewhere.
std::string to_html(const Report& report);

/// What to_json_lines() wrote, also by an older or a newer release: unknown fields are left alone, absent ones keep
/// their defaults. Error: invalid_argument, naming the line.
Result<Report> read_json_lines(std::string_view text);

}  // namespace fovea::bench
