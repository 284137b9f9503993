#include "pipeline/quantize/taps.h"

#include "passes/specialise.h"

namespace fovea::pipeline {

std::vector<std::vector<ValueId>> tap_groups(const Graph& graph, std::span<const ValueId> values,
                                             const TensorType& input, int64_t most_bytes) {
  std::vector<std::vector<ValueId>> groups(1);
  const auto operators = passes::parse_operators(graph);
  const auto typed = operators.ok() ? passes::specialise(graph, std::span(&input, 1), *operators)
                                    : Result<passes::Specialised>(operators.error());
  int64_t bytes = 0;
  for (const ValueId value : values) {
    // Specialising keeps names, not always indices.
    const auto place = typed.ok() ? typed->graph.find_value(graph.value(value).name) : std::nullopt;
    const auto type = place ? typed->graph.value(*place).type.concrete() : std::nullopt;
    const auto size = type ? checked_bytes(type->dtype, type->shape) : Result<int64_t>(int64_t{0});
    const int64_t own = size.ok() ? *size : 0;
    if (bytes + own > most_bytes && !groups.back().empty()) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(value);
    bytes += own;
  }
  if (groups.back().empty()) groups.pop_back();
  return groups;
}

Result<std::unique_ptr<cpu::Engine>> engine_with_taps(const Graph& graph, std::span<const ValueId> values,
                                                      int threads) {
  auto tapped = std::make_shared<Graph>(graph);
  tapped->outputs.assign(values.begin(), values.end());
  tapped->remove_dead_nodes();
  return cpu::Engine::compile(std::move(tapped), {.threads = threads});
}

}  // namespace fovea::pipeline
