// A report as JSON lines: the machine, then one object for each row.
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

using Json = nlohmann::ordered_json;  // keeps the order in which fields are written

/// Six significant digits: 34.3104 and not 34.310400000000001. What is no number is null.
Json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

void set_if(Json& object, const char* key, const std::optional<double>& value) {
  if (value) object[key] = number(*value);
}

Json interval(const Ratio& ratio) { return Json::array({number(ratio.low), number(ratio.high)}); }

Json machine_object(const Machine& machine) {
  Json peaks = Json::array();
  for (const Peak& peak : machine.peaks)
    peaks.push_back(
        {{"precision", peak.precision}, {"threads", peak.threads}, {"gmac_per_s", number(peak.gmac_per_s)}});
  return {{"cpu", machine.cpu},
          {"isa", machine.isa},
          {"system", machine.system},
          {"cores", machine.cores},
          {"memory_gb", number(machine.memory_gb)},
          {"memory_gb_per_s", number(machine.memory_gb_per_s)},
          {"peaks", std::move(peaks)}};
}

Json first_object(const Report& report) {
  Json object = {{"machine", machine_object(report.machine)},
                 {"fovea", report.version},
                 {"date", report.date},
                 {"command", report.command},
                 {"baseline", report.baseline}};
  if (report.same_with_same)
    object["same_with_same"] = {{"ratio", number(report.same_with_same->value)},
                                {"interval", interval(*report.same_with_same)}};
  object["notes"] = report.notes;
  return object;
}

Json stages_array(const Row& row) {
  Json array = Json::array();
  for (const Stages& stages : row.stages)
    array.push_back({{"photo", stages.photo},
                     {"ms",
                      {{"decode", number(stages.decode)},
                       {"preprocess", number(stages.preprocess)},
                       {"infer", number(stages.infer)},
                       {"postprocess", number(stages.postprocess)}}}});
  return array;
}

Json steps_array(const Row& row) {
  Json array = Json::array();
  for (const StepRow& step : row.steps) {
    Json object = {{"node", step.node}, {"kernel", step.kernel}, {"ms", number(step.ms)}, {"gmac", number(step.gmac)}};
    set_if(object, "peak_fraction", step.peak_fraction);
    array.push_back(std::move(object));
  }
  return array;
}

void add_figures(Json& object, const Row& row) {
  object["ms"] = {{"min", number(row.ms.min)},
                  {"median", number(row.ms.median)},
                  {"p90", number(row.ms.p90)},
                  {"p99", number(row.ms.p99)}};
  object["images_per_s"] = number(row.images_per_s);
  object["ratio"] = row.ratio ? number(row.ratio->value) : Json(nullptr);
  if (row.ratio) object["ratio_interval"] = interval(*row.ratio);
  object["peak_fraction"] = number(row.peak_fraction);
  object["error"] = nullptr;
  if (row.error)
    object["error"] = {{"rel_l2", number(row.error->rel_l2)}, {"max_over_rms", number(row.error->max_over_rms)}};
  object["load_s"] = number(row.load_s);
  object["first_s"] = number(row.first_s);
  object["rss_mb"] = number(row.rss_mb);
  object["disk_mb"] = number(row.disk_mb);
  object["rounds"] = row.rounds;
  object["dropped"] = row.dropped;
  object["bound_by"] = row.bound_by;
  if (!row.stages.empty()) object["stages"] = stages_array(row);
  if (!row.steps.empty()) object["steps"] = steps_array(row);
}

Json row_object(const Row& row) {
  Json object = {{"model", row.model},         {"backend", row.backend}, {"library", row.library},
                 {"precision", row.precision}, {"batch", row.batch},     {"threads", row.threads}};
  if (row.failed) {
    object["failed"] = *row.failed;
    if (row.fix) object["fix"] = *row.fix;
  } else {
    add_figures(object, row);
  }
  if (!row.facts.empty()) object["facts"] = row.facts;
  return object;
}

/// Text that is no UTF-8 (names of files may be anything) gets replacement characters.
std::string line_of(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'; }

}  // namespace

std::string to_json_lines(const Report& report) {
  std::string text = line_of(first_object(report));
  for (const Row& row : report.rows) text += line_of(row_object(row));
  return text;
}

}  // namespace fovea::bench
