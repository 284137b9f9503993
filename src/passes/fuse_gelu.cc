// x * 0.5 * (1 + erf(x / sqrt 2)), in the orders in which exporters spell it -> Gelu(x)
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {

Outcome fuse_gelu(Graph& graph, NodeId id) {
  static const Pattern x = any();
  static const Pattern by_division = op("Erf", {x / 1.41421356f}), by_product = op("Erf", {x * 0.70710678f});
  static const Pattern patterns[] = {
      (x * (1.0f + by_division)) * 0.5f, (x * 0.5f) * (1.0f + by_division), x * (0.5f * (1.0f + by_division)),
      (x * (1.0f + by_product)) * 0.5f,  (x * 0.5f) * (1.0f + by_product),  x * (0.5f * (1.0f + by_product)),
  };
  if (!graph.node(id).is("Mul")) return no_match();
  for (const Pattern& pattern : patterns) {
    bool shared = false;
    const auto match = find(graph, id, pattern, &shared);
    if (!match) continue;
    if (shared) return refused("a value inside is used elsewhere too");
    Node gelu;
    gelu.name = graph.node(id).name;
    gelu.op_type = "Gelu";
    gelu.opset = 20;
    gelu.inputs = {(*match)[x]};
    replace_node(graph, id, std::move(gelu));
    return applied();
  }
  return no_match();
}

}  // namespace fovea::passes
