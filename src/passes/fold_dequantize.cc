// DequantizeLinear(constant) -> the constant in f32
//
// Weights of products stay quantised until fuse_quantized has seen them (passes/specialise.h); where it refused, they
// are floats like any others.
#include "ops/evaluate.h"
#include "passes/catalogue.h"

namespace fovea::passes {

Outcome fold_dequantize(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("DequantizeLinear") || graph.constant(node.inputs[0]) == nullptr) return no_match();
  std::vector<const Tensor*> operands;
  for (ValueId v : node.inputs) {
    operands.push_back(graph.constant(v));
    if (v != kNoValue && operands.back() == nullptr) return no_match();
  }
  const auto op = ops::parse_operator(node);
  if (!op.ok()) return no_match();
  const auto folded = ops::evaluate(**op, operands, 1);
  if (!folded.ok()) return refused(folded.error().message);
  const ValueId result = node.outputs[0];
  graph.remove_node(id);
  graph.set_constant(result, folded->front());
  return applied();
}

}  // namespace fovea::passes
