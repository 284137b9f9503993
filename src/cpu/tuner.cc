#include "cpu/tuner.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu_features.h"
#include "cpu/lower.h"

namespace fovea::cpu {

size_t RecordedChoices::choose(const std::string& key, const LowerNode& /*node*/,
                               std::span<const Candidate> candidates) {
  const auto known = choices_.find(key);
  if (known == choices_.end()) return 0;
  const auto at = std::ranges::find(candidates, known->second, &Candidate::name);
  return at == candidates.end() ? 0 : static_cast<size_t>(at - candidates.begin());
}

StepPtr make_chosen(const LowerNode& node, const std::string& operation, std::span<const Candidate> candidates) {
  if (candidates.empty()) return nullptr;
  if (node.tuning == nullptr || candidates.size() == 1) return candidates.front().make(node);
  const std::string key =
      fmt::format("{}, {}, {}, threads {}", operation, node.precision == Precision::bf16 ? "bf16" : "fp32",
                  name_of(active_isa()), node.threads);
  const Candidate& chosen = candidates[node.tuning->tuner->choose(key, node, candidates)];
  node.tuning->taken[key] = chosen.name;
  StepPtr step = chosen.make(node);
  if (step) node.tuning->made = key;
  return step;
}

}  // namespace fovea::cpu
