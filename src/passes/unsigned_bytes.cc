// QuantizeLinear to i8 with zero point z, and the DequantizeLinear behind it -> the same over u8 with z + 128
//
// Products of bytes take an unsigned left operand (VPDPBUSD), so that all activations are unsigned inside the engine.
// Nothing is lost: each byte stands for what it stood for before.
#include <algorithm>

#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// A node like `like` with an unsigned zero point. Its input 0 is `input`.
Node made_unsigned(Graph& graph, const Node& like, ValueId input, const Quantisation& q) {
  Node node = like;
  std::vector<uint8_t> zero;
  for (int32_t z : q.zero) zero.push_back(static_cast<uint8_t>(z + 128));
  const Shape shape = *shape_of(graph, like.inputs[1]);
  node.inputs = {input, like.inputs[1], graph.add_constant("zero_point", Tensor::of(shape, zero))};
  node.attributes.erase("output_dtype");
  return node;
}

}  // namespace

Outcome unsigned_bytes(Graph& graph, NodeId id) {
  const auto q = any_quantiser(graph, id);
  if (!q || q->dtype != DType::i8) return no_match();
  const ValueId bytes = graph.node(id).outputs[0];
  if (graph.is_output(bytes)) return refused("the bytes are an output");
  const std::vector<NodeId> users = graph.users(bytes);
  for (NodeId user : users)
    if (!dequantised(graph, graph.node(user).outputs[0])) return refused("the bytes are used as they are");
  Node quantize = made_unsigned(graph, graph.node(id), graph.node(id).inputs[0], *q);
  const ValueId made = insert_node(graph, id, std::move(quantize), ValueType::of({DType::u8, *shape_of(graph, bytes)}));
  for (NodeId user : users) {
    if (!graph.alive(user)) continue;
    const auto d = dequantised(graph, graph.node(user).outputs[0]);
    Node dequantize = made_unsigned(graph, graph.node(user), made, d->q);
    replace_node(graph, user, std::move(dequantize));
  }
  return applied();
}

}  // namespace fovea::passes
