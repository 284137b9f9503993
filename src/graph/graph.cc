#include "graph/graph.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace fovea {
namespace {

size_t at(int32_t id) { return static_cast<size_t>(id); }

/// Calls `visit` for every input and capture that is there.
template <class Visit>
void for_each_use(const Node& node, Visit visit) {
  for (ValueId v : node.inputs)
    if (v != kNoValue) visit(v);
  for (ValueId v : node.captures) visit(v);
}

}  // namespace

std::optional<TensorType> ValueType::concrete() const {
  if (!dtype || !shape) return std::nullopt;
  TensorType type{*dtype, {}};
  for (const Dim& dim : *shape) {
    if (!dim.known()) return std::nullopt;
    type.shape.push_back(dim.value);
  }
  return type;
}

ValueType ValueType::of(const TensorType& type) {
  ValueType result{type.dtype, std::vector<Dim>{}};
  for (int64_t extent : type.shape) result.shape->push_back({extent, {}});
  return result;
}

std::string to_string(const ValueType& type) {
  if (!type.dtype) return "?";
  std::string text(name_of(*type.dtype));
  if (!type.shape) return text;
  text += '[';
  for (size_t i = 0; i < type.shape->size(); ++i) {
    const Dim& dim = (*type.shape)[i];
    if (i > 0) text += ',';
    text += dim.known() ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol;
  }
  return text + ']';
}

bool accepts(const ValueType& declared, const TensorType& type) {
  if (declared.dtype && *declared.dtype != type.dtype) return false;
  if (!declared.shape) return true;
  return std::ranges::equal(*declared.shape, type.shape,
                            [](const Dim& dim, int64_t extent) { return !dim.known() || dim.value == extent; });
}

std::string Node::label(const Graph& graph) const {
  const std::string type = domain.empty() ? op_type : domain + "." + op_type;
  if (!name.empty()) return fmt::format("{} \"{}\"", type, name);
  for (ValueId output : outputs)
    if (output != kNoValue) return fmt::format("{} making \"{}\"", type, graph.value(output).name);
  return type;
}

std::optional<ValueId> Graph::find_value(std::string_view value_name) const {
  const auto it = by_name_.find(value_name);
  return it == by_name_.end() ? std::nullopt : std::optional(it->second);
}

bool Graph::is_output(ValueId id) const { return std::ranges::find(outputs, id) != outputs.end(); }

ValueId Graph::add_value(std::string_view wanted, ValueType type) {
  const auto id = static_cast<ValueId>(values_.size());
  std::string unique(wanted.empty() ? fmt::format("v{}", id) : wanted);
  while (by_name_.contains(unique)) {
    const std::string_view base = wanted.empty() ? "v" : wanted;
    const auto last = suffixes_.emplace(base, 1).first;  // remembered: many may ask for the same name
    unique = fmt::format("{}.{}", base, ++last->second);
  }
  by_name_.emplace(unique, id);
  values_.push_back({std::move(unique), std::move(type), std::nullopt, kNoNode});
  users_.emplace_back();
  return id;
}

ValueId Graph::add_constant(std::string_view wanted, Tensor tensor) {
  const ValueId id = add_value(wanted);
  set_constant(id, std::move(tensor));
  return id;
}

void Graph::set_constant(ValueId id, Tensor tensor) {
  Value& v = values_[at(id)];
  v.type = ValueType::of(tensor.type());
  v.constant = std::move(tensor);
}

NodeId Graph::link(Node node) {
  const auto id = static_cast<NodeId>(nodes_.size());
  for_each_use(node, [&](ValueId v) { users_[at(v)].push_back(id); });
  for (ValueId v : node.outputs)
    if (v != kNoValue) values_[at(v)].producer = id;
  nodes_.emplace_back(std::move(node));
  return id;
}

void Graph::unlink_use(ValueId value, NodeId node) {
  auto& users = users_[at(value)];
  users.erase(std::ranges::find(users, node));
}

NodeId Graph::add_node(Node node) {
  const NodeId id = link(std::move(node));
  order_.push_back(id);
  return id;
}

NodeId Graph::insert_before(NodeId place, Node node) {
  const NodeId id = link(std::move(node));
  order_.insert(std::ranges::find(order_, place), id);
  return id;
}

void Graph::remove_node(NodeId id) {
  const Node& gone = node(id);
  for_each_use(gone, [&](ValueId v) { unlink_use(v, id); });
  for (ValueId v : gone.outputs)
    if (v != kNoValue && values_[at(v)].producer == id) values_[at(v)].producer = kNoNode;
  nodes_[at(id)].reset();
  order_.erase(std::ranges::find(order_, id));
}

void Graph::set_input(NodeId id, size_t position, ValueId value) {
  Node& changed = *nodes_[at(id)];
  if (position >= changed.inputs.size()) changed.inputs.resize(position + 1, kNoValue);
  if (changed.inputs[position] != kNoValue) unlink_use(changed.inputs[position], id);
  changed.inputs[position] = value;
  if (value != kNoValue) users_[at(value)].push_back(id);
}

void Graph::set_attribute(NodeId id, std::string_view key, Attribute attribute) {
  nodes_[at(id)]->attributes.insert_or_assign(std::string(key), std::move(attribute));
}

void Graph::replace_uses(ValueId from, ValueId to) {
  if (from == to) return;
  for (NodeId user : users_[at(from)]) {
    Node& changed = *nodes_[at(user)];
    std::ranges::replace(changed.inputs, from, to);
    std::ranges::replace(changed.captures, from, to);
    users_[at(to)].push_back(user);
  }
  users_[at(from)].clear();
  std::ranges::replace(outputs, from, to);
}

Result<void> Graph::sort() {
  // Kahn's algorithm; nodes that are ready keep the order in which they stand now.
  std::vector<int> missing(nodes_.size(), 0);
  std::set<std::pair<size_t, NodeId>> ready;  // place in the old order, node
  std::vector<size_t> place(nodes_.size(), 0);
  for (size_t i = 0; i < order_.size(); ++i) place[at(order_[i])] = i;
  for (NodeId id : order_) {
    for_each_use(node(id), [&](ValueId v) { missing[at(id)] += value(v).producer != kNoNode; });
    if (missing[at(id)] == 0) ready.emplace(place[at(id)], id);
  }
  std::vector<NodeId> sorted;
  sorted.reserve(order_.size());
  while (!ready.empty()) {
    const NodeId id = ready.begin()->second;
    ready.erase(ready.begin());
    sorted.push_back(id);
    for (ValueId output : node(id).outputs) {
      if (output == kNoValue) continue;
      for (NodeId user : users(output))
        if (--missing[at(user)] == 0) ready.emplace(place[at(user)], user);
    }
  }
  if (sorted.size() != order_.size()) {
    const auto stuck = std::ranges::find_if(order_, [&](NodeId id) { return missing[at(id)] > 0; });
    return invalid_model("the graph has a cycle").at(node(*stuck).label(*this));
  }
  order_ = std::move(sorted);
  return {};
}

int Graph::remove_dead_nodes() {
  int removed = 0;
  std::vector<bool> is_output_value(values_.size(), false);
  for (ValueId v : outputs) is_output_value[at(v)] = true;
  const std::vector<NodeId> before = order_;
  for (auto it = before.rbegin(); it != before.rend(); ++it) {
    const bool used = std::ranges::any_of(
        node(*it).outputs, [&](ValueId v) { return v != kNoValue && (is_output_value[at(v)] || !users(v).empty()); });
    if (used) continue;
    const Node& gone = node(*it);
    for_each_use(gone, [&](ValueId v) { unlink_use(v, *it); });
    for (ValueId v : gone.outputs)
      if (v != kNoValue) values_[at(v)].producer = kNoNode;
    nodes_[at(*it)].reset();
    ++removed;
  }
  std::erase_if(order_, [&](NodeId id) { return !alive(id); });
  return removed;
}

}  // namespace fovea
