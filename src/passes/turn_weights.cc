// Transpose(DequantizeLinear(W)) -> DequantizeLinear(W^T), where a product of bytes takes it
//
// PyTorch stores the weight of a linear layer by columns and exports it so.
#include "ops/evaluate.h"
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {

Outcome turn_weights(Graph& graph, NodeId id) {
  const Node turn = graph.node(id);
  const NodeId producer = turn.is("Transpose") ? graph.value(turn.inputs[0]).producer : kNoNode;
  if (producer == kNoNode || !weighs_bytes(graph, graph.node(producer))) return no_match();
  Node dequantize = graph.node(producer);
  const Tensor* weight = graph.constant(dequantize.inputs[0]);
  const auto* perm = turn.attribute<std::vector<int64_t>>("perm");
  const auto* block = dequantize.attribute<int64_t>("block_size");
  if (block != nullptr && *block != 0) return refused("scales by blocks");
  if (weight->rank() != 2 || (perm != nullptr && *perm != std::vector<int64_t>{1, 0})) return no_match();
  const auto op = ops::parse_operator(turn);
  if (!op.ok()) return refused(op.error().message);
  const auto turned = ops::evaluate(**op, std::vector{weight}, 1);
  if (!turned.ok()) return refused(turned.error().message);
  const auto* axis = dequantize.attribute<int64_t>("axis");
  dequantize.attributes["axis"] = 1 - ((axis != nullptr ? *axis : 1) + 2) % 2;
  dequantize.inputs[0] = graph.add_constant(graph.value(dequantize.inputs[0]).name, turned->front());
  replace_node(graph, id, std::move(dequantize));
  return applied();
}

}  // namespace fovea::passes
