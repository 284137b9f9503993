// move(DequantizeLinear(x)) -> DequantizeLinear(move(x)); QuantizeLinear(move(x)) -> move(QuantizeLinear(x))
//
// Where a move is Transpose, Reshape, Slice, Split, Concat, MaxPool and the like: bytes are moved, not floats, and what
// belongs together (the quantisation of a product's result, and the product) stands together.
#include <algorithm>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

ValueType typed(const Graph& graph, DType dtype, ValueId like) {
  return ValueType::of({dtype, *shape_of(graph, like)});
}

/// A maximum of bytes is the maximum of what they stand for, where the scale is positive.
bool keeps_order(const Node& node) {
  return node.is("MaxPool", "fovea") || (node.is("MaxPool") && node.outputs.size() == 1 && node.opset >= 12);
}

/// A node like `like` (a Q or DQ) before `place` that takes `input`; `shaped` has its result's shape.
ValueId same_node(Graph& graph, NodeId place, NodeId like, ValueId input, ValueId shaped) {
  Node node = graph.node(like);
  const DType dtype = *graph.value(node.outputs[0]).type.dtype;
  node.inputs[0] = input;
  return insert_node(graph, place, std::move(node), typed(graph, dtype, shaped));
}

Outcome sink_dequantize(Graph& graph, NodeId id, ValueId source, DType dtype) {
  const NodeId dequantize = graph.value(graph.node(id).inputs[0]).producer;
  Node moved = graph.node(id);
  moved.inputs[0] = source;
  const ValueId before = graph.node(id).outputs[0];
  const ValueId bytes = insert_node(graph, id, std::move(moved), typed(graph, dtype, before));
  graph.replace_uses(before, same_node(graph, id, dequantize, bytes, before));
  return applied();
}

/// Split has several results, each of which is dequantised.
Outcome sink_split(Graph& graph, NodeId id, const Dequantised& d) {
  const NodeId dequantize = graph.value(graph.node(id).inputs[0]).producer;
  Node split = graph.node(id);
  const std::vector<ValueId> before = split.outputs;
  split.inputs[0] = d.source;
  for (ValueId& v : split.outputs)
    if (v != kNoValue) v = graph.add_value(graph.value(v).name, typed(graph, d.q.dtype, v));
  const std::vector<ValueId> bytes = split.outputs;
  graph.insert_before(id, std::move(split));
  for (size_t i = 0; i < before.size(); ++i)
    if (before[i] != kNoValue) graph.replace_uses(before[i], same_node(graph, id, dequantize, bytes[i], before[i]));
  return applied();
}

/// Concat of operands with one quantisation; or quantised behind: then each operand is quantised so.
Outcome sink_concat(Graph& graph, NodeId id) {
  const std::vector<ValueId> inputs = graph.node(id).inputs;
  const ValueId before = graph.node(id).outputs[0];
  std::vector<ValueId> bytes;
  std::optional<Quantisation> shared;
  bool alike = true;
  for (ValueId v : inputs) {
    const auto d = dequantised_tensor(graph, v);
    if (!d) return no_match();
    if (!shared) shared = d->q;
    alike = alike && d->q == *shared;
    bytes.push_back(d->source);
  }
  const NodeId quantize = only_quantiser(graph, before);
  if (!alike && !quantiser(graph, quantize)) return refused("operands of different scales, and none for the result");
  const NodeId like = alike ? graph.value(inputs[0]).producer : kNoNode;
  if (!alike) {
    shared = *quantiser(graph, quantize);
    for (size_t i = 0; i < inputs.size(); ++i) bytes[i] = same_node(graph, id, quantize, inputs[i], inputs[i]);
  }
  Node joined = graph.node(id);
  joined.inputs = bytes;
  const ValueId result = insert_node(graph, id, std::move(joined), typed(graph, shared->dtype, before));
  if (alike)
    graph.replace_uses(before, same_node(graph, id, like, result, before));
  else
    graph.replace_uses(graph.node(quantize).outputs[0], result);
  return applied();
}

/// QuantizeLinear before the move whose result it takes.
Outcome lift_quantize(Graph& graph, NodeId id) {
  const ValueId between = graph.node(id).inputs[0];
  const NodeId move = graph.value(between).producer;
  if (move == kNoNode || !used_once(graph, between) || !moves_elements(graph.node(move))) return no_match();
  const ValueId from = graph.node(move).inputs[0];
  if (!is_f32(graph, from) || graph.constant(from) != nullptr || !used_once(graph, from)) return no_match();
  if (graph.node(move).is("Expand")) return no_effect();
  Node moved = graph.node(move);
  moved.inputs[0] = same_node(graph, id, id, from, from);
  replace_node(graph, id, std::move(moved));
  return applied();
}

}  // namespace

Outcome move_dequantize(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (quantiser(graph, id)) return lift_quantize(graph, id);
  if (node.is("Concat")) return sink_concat(graph, id);
  if (!moves_elements(node) && !keeps_order(node) && !node.is("Split")) return no_match();
  if (const auto d = dequantised_dynamically(graph, node.inputs[0]); d && moves_elements(node))
    return sink_dequantize(graph, id, d->source, DType::u8);
  const auto d = dequantised_tensor(graph, node.inputs[0]);
  if (!d || graph.constant(d->source) != nullptr) return no_match();
  if (keeps_order(node) && d->q.scale[0] < 0) return refused("a negative scale");
  return node.is("Split") ? sink_split(graph, id, *d) : sink_dequantize(graph, id, d->source, d->q.dtype);
}

}  // namespace fovea::passes
