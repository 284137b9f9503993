// The way back: JSON lines, of this release or another, into a report.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "bench/report_writers.h"
#include "tasks/json_fields.h"

namespace fovea::bench {
namespace {

using nlohmann::json;
using tasks::JsonFields;

Result<double> number_or(const JsonFields& fields, std::string_view key, double fallback) {
  const auto value = FOVEA_TRY(fields.number(key));
  return value.value_or(fallback);
}

Result<int64_t> count_or(const JsonFields& fields, std::string_view key, int64_t fallback, int64_t least) {
  const int64_t value = FOVEA_TRY(fields.integer(key)).value_or(fallback);
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  if (value < least || value > kMost)
    return invalid_argument("\"{}\" is {}, but should be at least {}", key, value, least);
  return value;
}

Result<std::string> text_or_nothing(const JsonFields& fields, std::string_view key) {
  return FOVEA_TRY(fields.text(key)).value_or("");
}

/// The object or array of this name; nullptr where it is absent or null.
Result<const json*> part(const JsonFields& fields, std::string_view key, json::value_t type) {
  const json* value = fields.find(key);
  if (value && value->type() != type)
    return invalid_argument("\"{}\" should be an {}", key, type == json::value_t::object ? "object" : "array");
  return value;
}
Result<const json*> object_at(const JsonFields& fields, std::string_view key) {
  return part(fields, key, json::value_t::object);
}

/// The elements of an array of objects; none where it is absent.
Result<std::vector<const json*>> objects_at(const JsonFields& fields, std::string_view key) {
  const json* array = FOVEA_TRY(part(fields, key, json::value_t::array));
  std::vector<const json*> objects;
  if (!array) return objects;
  for (const json& element : *array) {
    if (!element.is_object()) return invalid_argument("\"{}\" should hold objects", key);
    objects.push_back(&element);
  }
  return objects;
}

Result<std::vector<std::string>> texts_at(const JsonFields& fields, std::string_view key) {
  const json* array = FOVEA_TRY(part(fields, key, json::value_t::array));
  std::vector<std::string> texts;
  if (!array) return texts;
  for (const json& element : *array) {
    if (!element.is_string()) return invalid_argument("\"{}\" should hold text", key);
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

Result<std::optional<Ratio>> ratio_at(const JsonFields& fields, std::string_view value_key,
                                      std::string_view interval_key) {
  const auto value = FOVEA_TRY(fields.number(value_key));
  if (!value) return std::optional<Ratio>();
  const auto interval = FOVEA_TRY(fields.numbers(interval_key));
  if (!interval) return std::optional(Ratio{*value, *value, *value});
  if (interval->size() != 2) return invalid_argument("\"{}\" should hold two numbers", interval_key);
  return std::optional(Ratio{*value, interval->front(), interval->back()});
}

Result<Machine> read_machine(const json& object) {
  const JsonFields fields(object);
  Machine machine;
  machine.cpu = FOVEA_TRY(text_or_nothing(fields, "cpu"));
  machine.isa = FOVEA_TRY(text_or_nothing(fields, "isa"));
  machine.system = FOVEA_TRY(text_or_nothing(fields, "system"));
  machine.cores = static_cast<int>(FOVEA_TRY(count_or(fields, "cores", 1, 1)));
  machine.memory_gb = FOVEA_TRY(number_or(fields, "memory_gb", 0));
  machine.memory_gb_per_s = FOVEA_TRY(number_or(fields, "memory_gb_per_s", 0));
  const auto peaks = FOVEA_TRY(objects_at(fields, "peaks"));
  for (const json* one : peaks) {
    const JsonFields of_peak(*one);
    Peak peak;
    peak.precision = FOVEA_TRY(text_or_nothing(of_peak, "precision"));
    peak.threads = static_cast<int>(FOVEA_TRY(count_or(of_peak, "threads", 1, 1)));
    peak.gmac_per_s = FOVEA_TRY(number_or(of_peak, "gmac_per_s", 0));
    machine.peaks.push_back(std::move(peak));
  }
  return machine;
}

Result<Report> read_first(const json& object) {
  const JsonFields fields(object);
  Report report;
  const json* machine = FOVEA_TRY(object_at(fields, "machine"));
  if (!machine) return invalid_argument("it does not begin with a \"machine\"");
  report.machine = FOVEA_TRY_AT("machine", read_machine(*machine));
  report.version = FOVEA_TRY(text_or_nothing(fields, "fovea"));
  report.date = FOVEA_TRY(text_or_nothing(fields, "date"));
  report.command = FOVEA_TRY(text_or_nothing(fields, "command"));
  report.baseline = FOVEA_TRY(text_or_nothing(fields, "baseline"));
  const json* same = FOVEA_TRY(object_at(fields, "same_with_same"));
  if (same) report.same_with_same = FOVEA_TRY(ratio_at(JsonFields(*same), "ratio", "interval"));
  report.notes = FOVEA_TRY(texts_at(fields, "notes"));
  return report;
}

Result<std::vector<Stages>> read_stages(const JsonFields& row) {
  const auto objects = FOVEA_TRY(objects_at(row, "stages"));
  std::vector<Stages> result;
  for (const json* object : objects) {
    const JsonFields fields(*object);
    Stages stages;
    stages.photo = FOVEA_TRY(text_or_nothing(fields, "photo"));
    const json* times = FOVEA_TRY(object_at(fields, "ms"));
    if (!times) return invalid_argument("a stage has no \"ms\"");
    const JsonFields ms(*times);
    stages.decode = FOVEA_TRY(number_or(ms, "decode", 0));
    stages.preprocess = FOVEA_TRY(number_or(ms, "preprocess", 0));
    stages.infer = FOVEA_TRY(number_or(ms, "infer", 0));
    stages.postprocess = FOVEA_TRY(number_or(ms, "postprocess", 0));
    result.push_back(std::move(stages));
  }
  return result;
}

Result<std::vector<StepRow>> read_steps(const JsonFields& row) {
  const auto objects = FOVEA_TRY(objects_at(row, "steps"));
  std::vector<StepRow> result;
  for (const json* object : objects) {
    const JsonFields fields(*object);
    StepRow step;
    step.node = FOVEA_TRY(text_or_nothing(fields, "node"));
    step.kernel = FOVEA_TRY(text_or_nothing(fields, "kernel"));
    step.ms = FOVEA_TRY(number_or(fields, "ms", 0));
    step.gmac = FOVEA_TRY(number_or(fields, "gmac", 0));
    step.peak_fraction = FOVEA_TRY(fields.number("peak_fraction"));
    result.push_back(std::move(step));
  }
  return result;
}

/// Adds what a row has that did not fail.
Result<void> read_figures(const JsonFields& fields, Row& row) {
  const json* times = FOVEA_TRY(object_at(fields, "ms"));
  if (!times) return invalid_argument("the row has neither \"ms\" nor \"failed\"");
  const JsonFields ms(*times);
  const auto median = FOVEA_TRY(ms.number("median"));
  if (!median || !(*median > 0)) return invalid_argument("\"ms\" has no \"median\" above 0");
  row.ms.median = *median;
  row.ms.min = FOVEA_TRY(number_or(ms, "min", *median));
  row.ms.p90 = FOVEA_TRY(number_or(ms, "p90", *median));
  row.ms.p99 = FOVEA_TRY(number_or(ms, "p99", *median));
  row.images_per_s = FOVEA_TRY(number_or(fields, "images_per_s", static_cast<double>(row.batch) / *median * 1e3));
  row.ratio = FOVEA_TRY(ratio_at(fields, "ratio", "ratio_interval"));
  row.peak_fraction = FOVEA_TRY(fields.number("peak_fraction"));
  const json* error = FOVEA_TRY(object_at(fields, "error"));
  if (error) {  // null stands for a distance that is no number
    constexpr double kFar = std::numeric_limits<double>::infinity();
    row.error.emplace();
    row.error->rel_l2 = FOVEA_TRY(number_or(JsonFields(*error), "rel_l2", kFar));
    row.error->max_over_rms = FOVEA_TRY(number_or(JsonFields(*error), "max_over_rms", kFar));
  }
  row.load_s = FOVEA_TRY(fields.number("load_s"));
  row.first_s = FOVEA_TRY(fields.number("first_s"));
  row.rss_mb = FOVEA_TRY(fields.number("rss_mb"));
  row.disk_mb = FOVEA_TRY(fields.number("disk_mb"));
  row.rounds = static_cast<int>(FOVEA_TRY(count_or(fields, "rounds", 0, 0)));
  row.dropped = static_cast<int>(FOVEA_TRY(count_or(fields, "dropped", 0, 0)));
  row.bound_by = FOVEA_TRY(text_or_nothing(fields, "bound_by"));
  row.stages = FOVEA_TRY(read_stages(fields));
  row.steps = FOVEA_TRY(read_steps(fields));
  return {};
}

Result<Row> read_row(const json& object) {
  const JsonFields fields(object);
  Row row;
  const auto model = FOVEA_TRY(fields.text("model"));
  const auto backend = FOVEA_TRY(fields.text("backend"));
  if (!model || !backend) return invalid_argument("a row needs a \"model\" and a \"backend\"");
  row.model = *model;
  row.backend = *backend;
  row.library = FOVEA_TRY(text_or_nothing(fields, "library"));
  row.precision = FOVEA_TRY(fields.text("precision")).value_or("fp32");
  row.batch = FOVEA_TRY(count_or(fields, "batch", 1, 1));
  row.threads = static_cast<int>(FOVEA_TRY(count_or(fields, "threads", 1, 1)));
  row.facts = FOVEA_TRY(texts_at(fields, "facts"));
  row.failed = FOVEA_TRY(fields.text("failed"));
  row.fix = FOVEA_TRY(fields.text("fix"));
  if (!row.failed) FOVEA_TRY(read_figures(fields, row));
  return row;
}

Result<json> object_of(std::string_view line) {
  json value = FOVEA_TRY(tasks::parse_json(line));
  if (!value.is_object()) return invalid_argument("a line should hold an object");
  return value;
}

constexpr size_t kMostRows = 10'000;  // far beyond any comparison: rows are looked up one by one
constexpr std::string_view kFix = "give it what fovea bench --format json wrote";

}  // namespace

Result<Report> read_json_lines(std::string_view text) {
  std::optional<Report> report;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto read = [&]() -> Result<void> {
      const json object = FOVEA_TRY(object_of(line));
      if (report && report->rows.size() == kMostRows) return invalid_argument("more than {} rows", kMostRows);
      if (report)
        report->rows.push_back(FOVEA_TRY(read_row(object)));
      else
        report = FOVEA_TRY(read_first(object));
      return {};
    }();
    if (!read.ok()) return Error(read.error()).at(fmt::format("line {}", number)).with_fix(std::string(kFix));
  }
  if (!report) return invalid_argument("the text holds no report").with_fix(std::string(kFix));
  return *std::move(report);
}

}  // namespace fovea::bench
