#include "cli/quantize_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/console.h"

namespace fovea::cli {
namespace {

constexpr size_t kWorstShown = 8;

std::string percent(const std::optional<double>& share) { return share ? fmt::format("{:.2f} %", 100 * *share) : "-"; }

void write_answers(std::ostream& out, const char* title, const std::optional<pipeline::Answers>& answers,
                   double float_ms) {
  if (!answers || answers->photos == 0) return;
  out << fmt::format("  {:<14} {:>7} {:>10} {:>10}", title, answers->photos, percent(answers->top1_agreement),
                     percent(answers->top5_agreement));
  if (answers->accuracy)
    out << fmt::format(" {:>9} {:>9}", percent(answers->float_accuracy), percent(answers->accuracy));
  else
    out << fmt::format(" {:>9} {:>9}", "-", "-");
  out << fmt::format(" {:>7.1f} {:>9.2f} {:>9.2f}\n", answers->sqnr_db, float_ms, answers->ms);
}

void write_worst(std::ostream& out, const QuantizeReport& report) {
  if (report.errors.empty()) return;
  std::vector<pipeline::LayerError> worst = report.errors;
  std::ranges::stable_sort(worst, {}, &pipeline::LayerError::total_db);
  out << "\nworst values      SQNR, dB: of itself, with all before it\n";
  for (size_t i = 0; i < std::min(kWorstShown, worst.size()); ++i)
    out << fmt::format("  {:>6.1f} {:>6.1f}  {}\n", worst[i].own_db, worst[i].total_db, printable(worst[i].value));
}

void write_trade(std::ostream& out, const QuantizeReport& report) {
  if (!report.trade) return;
  out << fmt::format("\nlayers kept in float for a drop of at most {:g} points\n", *report.most_drop);
  out << fmt::format("  {:>6} {:>10} {:>9} {:>9} {:>9}\n", "kept", "agreement", "int8", "drop", "ms");
  for (const pipeline::TradeRow& row : report.trade->rows)
    out << fmt::format("  {:>6} {:>10} {:>9} {:>9.2f} {:>9.2f}{}\n", row.kept, percent(row.answers.top1_agreement),
                       percent(row.answers.accuracy), row.drop, row.answers.ms,
                       row.kept == static_cast<int64_t>(report.trade->kept.size()) ? "  <- chosen" : "");
  if (!report.trade->met)
    out << "  the drop is not met even with all layers in float: photos differ, or the model is no int8 one\n";
  for (const std::string& layer : report.layers_float) out << fmt::format("  float: {}\n", printable(layer));
}

Json optional_number(const std::optional<double>& value) { return value ? Json(significant(*value, 6)) : Json(); }

Json to_json(const pipeline::Answers& answers) {
  return {{"photos", answers.photos},
          {"sqnr_db", significant(answers.sqnr_db, 5)},
          {"top1_agreement", optional_number(answers.top1_agreement)},
          {"top5_agreement", optional_number(answers.top5_agreement)},
          {"accuracy_float", optional_number(answers.float_accuracy)},
          {"accuracy_int8", optional_number(answers.accuracy)},
          {"ms", significant(answers.ms, 5)}};
}

}  // namespace

void write_text(std::ostream& out, const QuantizeReport& report) {
  out << fmt::format("{}\n", printable(report.output));
  out << fmt::format("  layers         {} of {} in int8, {} values stored as int8\n", report.layers_int8, report.layers,
                     report.values);
  out << fmt::format("  weights        {} -> {}\n", bytes_text(report.bytes_before), bytes_text(report.bytes_after));
  if (report.calibrated > 0)
    out << fmt::format("  calibration    {} photos, {}; {} held back\n", report.calibrated, report.method,
                       report.held_back);
  else
    out << fmt::format("  ranges         {}\n", printable(report.method));
  if (report.equalized_pairs > 0) out << fmt::format("  equalised      {} pairs of layers\n", report.equalized_pairs);
  if (report.corrected_biases > 0) out << fmt::format("  corrected      {} biases\n", report.corrected_biases);
  if (report.on_calibration || report.on_held_back) {
    out << fmt::format("\n{:<16} {:>7} {:>10} {:>10} {:>9} {:>9} {:>7} {:>9} {:>9}\n", "answers", "photos",
                       "top-1 same", "in top-5", "float", "int8", "SQNR", "float ms", "int8 ms");
    write_answers(out, "calibration", report.on_calibration, report.float_ms);
    write_answers(out, "held back", report.on_held_back, report.float_ms);
  }
  write_trade(out, report);
  write_worst(out, report);
}

Json to_json(const QuantizeReport& report) {
  Json ranges = Json::array(), layers = Json::array(), weights = Json::array(), sensitive = Json::array(), trade;
  for (const auto& one : report.ranges)
    ranges.push_back({{"value", one.value},
                      {"low", significant(one.range.low, 8)},
                      {"high", significant(one.range.high, 8)},
                      {"scale", significant(one.parameters.scale, 9)},
                      {"zero_point", one.parameters.zero_point},
                      {"group", one.group},
                      {"suspicion", one.suspicion}});
  for (const auto& one : report.errors)
    layers.push_back(
        {{"value", one.value}, {"own_db", significant(one.own_db, 5)}, {"total_db", significant(one.total_db, 5)}});
  for (const auto& one : report.weights)
    weights.push_back({{"layer", one.node}, {"sqnr_db", significant(one.sqnr_db, 5)}});
  for (const auto& one : report.sensitivities)
    sensitive.push_back({{"layer", one.layer}, {"sqnr_db", significant(one.sqnr_db, 5)}});
  if (report.trade) {
    Json rows = Json::array();
    for (const auto& row : report.trade->rows)
      rows.push_back({{"kept", row.kept}, {"drop", significant(row.drop, 5)}, {"answers", to_json(row.answers)}});
    trade = {{"most_drop", *report.most_drop},
             {"met", report.trade->met},
             {"layers_float", report.layers_float},
             {"rows", std::move(rows)}};
  }
  return {{"model", report.model},
          {"file", report.output},
          {"method", report.method},
          {"photos",
           {{"calibration", report.calibrated}, {"held_back", report.held_back}, {"unreadable", report.unreadable}}},
          {"layers", {{"all", report.layers}, {"int8", report.layers_int8}, {"values", report.values}}},
          {"weight_bytes", {{"float", report.bytes_before}, {"int8", report.bytes_after}}},
          {"equalized_pairs", report.equalized_pairs},
          {"corrected_biases", report.corrected_biases},
          {"float_ms", significant(report.float_ms, 5)},
          {"on_calibration", report.on_calibration ? to_json(*report.on_calibration) : Json()},
          {"on_held_back", report.on_held_back ? to_json(*report.on_held_back) : Json()},
          {"trade", std::move(trade)},
          {"sensitivity", std::move(sensitive)},
          {"errors", std::move(layers)},
          {"weights", std::move(weights)},
          {"ranges", std::move(ranges)}};
}

}  // namespace fovea::cli
