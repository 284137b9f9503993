#include "graph/inline.h"

#include <string>

namespace fovea {

std::vector<ValueId> inline_subgraph(Graph& outer, NodeId place, const Graph& subgraph, std::span<const ValueId> inputs,
                                     std::span<const ValueId> captures, std::string_view prefix) {
  std::vector<ValueId> ours(subgraph.value_slots(), kNoValue);
  const auto at = [&](ValueId id) -> ValueId& { return ours[static_cast<size_t>(id)]; };
  for (size_t i = 0; i < inputs.size(); ++i) at(subgraph.inputs[i]) = inputs[i];
  for (const Graph::Capture& capture : subgraph.captures) at(capture.inner) = captures[capture.index];
  // What is neither fed nor captured gets a value of its own the first time that it is met.
  const auto translate = [&](ValueId id) {
    if (id == kNoValue) return kNoValue;
    if (at(id) == kNoValue) {
      const Value& value = subgraph.value(id);
      const std::string name = std::string(prefix) + value.name;
      at(id) = value.constant ? outer.add_constant(name, *value.constant) : outer.add_value(name, value.type);
    }
    return at(id);
  };
  for (NodeId id : subgraph.order()) {
    Node node = subgraph.node(id);
    for (auto* ids : {&node.inputs, &node.captures, &node.outputs})
      for (ValueId& v : *ids) v = translate(v);
    if (!node.name.empty()) node.name.insert(0, prefix);
    outer.insert_before(place, std::move(node));
  }
  std::vector<ValueId> outputs;
  for (ValueId v : subgraph.outputs) outputs.push_back(translate(v));
  return outputs;
}

}  // namespace fovea
