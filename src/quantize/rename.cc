#include "quantize/rename.h"

#include <algorithm>
#include <set>

namespace fovea::quantize {
namespace {

/// In the order of their indices, so that the copy's order is the same.
std::set<ValueId> living_values(const Graph& graph) {
  std::set<ValueId> living(graph.inputs.begin(), graph.inputs.end());
  living.insert(graph.outputs.begin(), graph.outputs.end());
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    for (const auto* list : {&node.inputs, &node.outputs, &node.captures}) living.insert(list->begin(), list->end());
  }
  for (const Graph::Capture& capture : graph.captures) living.insert(capture.inner);
  living.erase(kNoValue);
  return living;
}

/// "conv" of "conv.2"; "" where no number was added.
std::string_view without_suffix(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot + 1 == name.size()) return {};
  const std::string_view digits = name.substr(dot + 1);
  return std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }) ? name.substr(0, dot)
                                                                                  : std::string_view();
}

}  // namespace

Graph with_names_of(const Graph& model, const Graph& rewritten) {
  const std::set<ValueId> living = living_values(rewritten);
  std::set<std::string, std::less<>> taken;
  for (const ValueId id : living) taken.insert(rewritten.value(id).name);
  Graph copy;
  copy.name = rewritten.name;
  copy.metadata = rewritten.metadata;
  std::vector<ValueId> place(rewritten.value_slots(), kNoValue);
  for (const ValueId id : living) {
    const Value& value = rewritten.value(id);
    std::string name = value.name;
    if (!model.find_value(name))
      if (const auto base = without_suffix(name); !base.empty() && model.find_value(base) && !taken.contains(base)) {
        name = base;
        taken.insert(name);
      }
    ValueId& made = place[static_cast<size_t>(id)];
    made = copy.add_value(name, value.type);
    if (value.constant) copy.set_constant(made, *value.constant);
  }
  const auto moved = [&](std::vector<ValueId> ids) {
    for (ValueId& id : ids) id = id == kNoValue ? kNoValue : place[static_cast<size_t>(id)];
    return ids;
  };
  copy.inputs = moved(rewritten.inputs);
  copy.outputs = moved(rewritten.outputs);
  for (const Graph::Capture& capture : rewritten.captures)
    copy.captures.push_back({capture.index, place[static_cast<size_t>(capture.inner)]});
  for (NodeId id : rewritten.order()) {
    Node node = rewritten.node(id);
    node.inputs = moved(std::move(node.inputs));
    node.outputs = moved(std::move(node.outputs));
    node.captures = moved(std::move(node.captures));
    copy.add_node(std::move(node));
  }
  return copy;
}

}  // namespace fovea::quantize
