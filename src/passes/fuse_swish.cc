// x * sigmoid(x) -> Swish(x)
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {

Outcome fuse_swish(Graph& graph, NodeId id) {
  static const Pattern x = any(), pattern = x * op("Sigmoid", {x});
  bool shared = false;
  const auto match = find(graph, id, pattern, &shared);
  if (!match) return no_match();
  if (shared) return refused("the sigmoid is used elsewhere too");
  Node swish;
  swish.name = graph.node(id).name;
  swish.op_type = "Swish";
  swish.opset = 24;
  swish.inputs = {(*match)[x]};
  replace_node(graph, id, std::move(swish));
  return applied();
}

}  // namespace fovea::passes
