#include "passes/rewrite.h"

namespace fovea::passes {

ValueId insert_node(Graph& graph, NodeId place, Node node, const ValueType& type) {
  const ValueId out = graph.add_value(node.name.empty() ? node.op_type : node.name, type);
  node.outputs = {out};
  graph.insert_before(place, std::move(node));
  return out;
}

NodeId replace_node(Graph& graph, NodeId old, Node node) {
  const ValueId before = graph.node(old).outputs[0];
  const ValueId after = graph.add_value(graph.value(before).name, graph.value(before).type);
  node.outputs = {after};
  const NodeId id = graph.insert_before(old, std::move(node));
  graph.replace_uses(before, after);
  graph.remove_node(old);
  return id;
}

bool has(const Node& node, size_t input) { return input < node.inputs.size() && node.inputs[input] != kNoValue; }

bool is_f32(const Graph& graph, ValueId value) {
  return value != kNoValue && graph.value(value).type.dtype == DType::f32;
}

std::optional<Shape> shape_of(const Graph& graph, ValueId value) {
  if (value == kNoValue) return std::nullopt;
  const auto type = graph.value(value).type.concrete();
  return type ? std::optional(type->shape) : std::nullopt;
}

}  // namespace fovea::passes
