#include "pipeline/quantize/trade.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::pipeline {
namespace {

Result<std::unique_ptr<cpu::Engine>> engine_of(Graph graph, const cpu::EngineOptions& how) {
  return cpu::Engine::compile(std::make_shared<Graph>(std::move(graph)), how);
}

}  // namespace

Result<std::vector<Sensitivity>> sensitivities(const Quantizer& quantizer, const InputReader& reader,
                                               std::span<const Reference> references, const cpu::EngineOptions& how,
                                               const std::function<bool()>& step) {
  const std::vector<std::string> layers = quantizer.layers();
  std::vector<Sensitivity> result;
  for (const std::string& layer : layers) {
    std::set<std::string> others(layers.begin(), layers.end());
    others.erase(layer);
    auto alone = FOVEA_TRY(quantizer.build(others));
    const auto engine = FOVEA_TRY(engine_of(std::move(alone.graph), how));
    const Answers answers = FOVEA_TRY(compare_answers(*engine, reader, references, std::nullopt, step));
    result.push_back({layer, answers.sqnr_db});
  }
  std::ranges::stable_sort(result, {}, &Sensitivity::sqnr_db);
  return result;
}

Result<Trade> trade(const Quantizer& quantizer, std::span<const Sensitivity> sensitive, double most_drop,
                    const InputReader& reader, std::span<const Reference> references,
                    const std::optional<FolderClasses>& classes, const cpu::EngineOptions& how,
                    const std::function<bool()>& step) {
  Trade result;
  const auto first = [&](int64_t count) {
    std::set<std::string> keys;
    for (int64_t i = 0; i < count; ++i) keys.insert(sensitive[static_cast<size_t>(i)].layer);
    return keys;
  };
  const auto attempt = [&](int64_t count) -> Result<bool> {
    auto model = FOVEA_TRY(quantizer.build(first(count)));
    const auto engine = FOVEA_TRY(engine_of(std::move(model.graph), how));
    TradeRow row;
    row.kept = count;
    row.answers = FOVEA_TRY(compare_answers(*engine, reader, references, classes, step));
    const auto drop = drop_of(row.answers);
    if (!drop)
      return unsupported("the model is no classifier: there is no drop to limit").with_fix("leave --max-drop out");
    row.drop = *drop;
    result.rows.push_back(row);
    return *drop <= most_drop;
  };
  const auto all = static_cast<int64_t>(sensitive.size());
  int64_t fails = -1, meets = 0;
  while (!FOVEA_TRY(attempt(meets))) {
    fails = meets;
    if (meets == all) {
      meets = -1;
      break;
    }
    meets = std::min(all, std::max<int64_t>(1, 2 * meets));
  }
  result.met = meets >= 0;
  while (meets - fails > 1) {
    const int64_t middle = fails + (meets - fails) / 2;
    (FOVEA_TRY(attempt(middle)) ? meets : fails) = middle;
  }
  result.kept = first(result.met ? meets : all);
  std::ranges::stable_sort(result.rows, {}, &TradeRow::kept);
  return result;
}

}  // namespace fovea::pipeline
