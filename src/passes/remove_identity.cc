// Identity(x), Dropout(x) when not training -> x
#include "passes/catalogue.h"

namespace fovea::passes {
namespace {

/// A Dropout whose mask nobody reads and which is not told to train.
bool is_idle_dropout(const Graph& graph, const Node& node) {
  if (!node.is("Dropout") || (node.opset < 7)) return false;
  if (node.outputs.size() > 1 && node.outputs[1] != kNoValue) {
    if (!graph.users(node.outputs[1]).empty() || graph.is_output(node.outputs[1])) return false;
  }
  if (node.inputs.size() < 3 || node.inputs[2] == kNoValue) return true;
  const Tensor* training = graph.constant(node.inputs[2]);
  return training != nullptr && training->dtype() == DType::boolean && training->size() == 1 &&
         !training->data<bool>()[0];
}

}  // namespace

Outcome remove_identity(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Identity") && !is_idle_dropout(graph, node)) return no_match();
  graph.replace_uses(node.outputs[0], node.inputs[0]);
  return applied();
}

}  // namespace fovea::passes
