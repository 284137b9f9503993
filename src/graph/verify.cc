#include "graph/verify.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.h"

namespace fovea {
namespace {

class Verifier {
 public:
  Verifier(const Graph& graph, int depth) : graph_(graph), depth_(depth), ready_(graph.value_slots(), false) {}

  /// `outer` is the number of values that the node around captures.
  Result<void> run(size_t outer) {
    if (depth_ > kMaxSubgraphDepth) return invalid_model("subgraphs nest deeper than {}", kMaxSubgraphDepth);
    FOVEA_TRY(check_values());
    FOVEA_TRY(check_borders(outer));
    std::vector<NodeId> seen;
    for (NodeId id : graph_.order()) {
      if (id < 0 || static_cast<size_t>(id) >= graph_.node_slots() || !graph_.alive(id))
        return internal("node {} of the order does not exist", id);
      FOVEA_TRY_AT(graph_.node(id).label(graph_), check_node(id));
      seen.push_back(id);
    }
    FOVEA_TRY(check_order_is_complete(std::move(seen)));
    for (size_t i = 0; i < graph_.value_slots(); ++i)
      if (const Value& value = graph_.value(static_cast<ValueId>(i)); value.producer != kNoNode && !ready_[i])
        return internal("\"{}\" names a producer that does not make it", value.name);
    for (ValueId v : graph_.outputs)
      if (!ready(v)) return invalid_model("output \"{}\" is not made by anything", graph_.value(v).name);
    return check_users();
  }

 private:
  bool in_range(ValueId id) const { return id >= 0 && static_cast<size_t>(id) < graph_.value_slots(); }
  bool ready(ValueId id) const { return ready_[static_cast<size_t>(id)]; }

  Result<void> check_values() {
    std::set<std::string_view> names;
    for (size_t i = 0; i < graph_.value_slots(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const Value& value = graph_.value(id);
      if (value.name.empty()) return internal("value {} has no name", id);
      if (!names.insert(value.name).second) return internal("two values are called \"{}\"", value.name);
      if (value.constant) {
        const auto bytes = checked_bytes(value.constant->dtype(), value.constant->shape());
        if (!bytes || value.constant->raw() == nullptr)
          return internal("constant \"{}\" has no data, or a shape that cannot be", value.name);
        if (value.type != ValueType::of(value.constant->type()))
          return internal("constant \"{}\" is {}, its value says {}", value.name, to_string(value.constant->type()),
                          to_string(value.type));
        if (value.producer != kNoNode) return internal("\"{}\" is a constant, but a node makes it", value.name);
        ready_[i] = true;
      }
    }
    return {};
  }

  /// Inputs, outputs and captures.
  Result<void> check_borders(size_t outer) {
    std::set<ValueId> fed;
    const auto feed = [&](ValueId id, std::string_view what) -> Result<void> {
      if (!in_range(id)) return internal("{} {} does not exist", what, id);
      if (!fed.insert(id).second) return internal("{} \"{}\" is there twice", what, graph_.value(id).name);
      if (graph_.value(id).producer != kNoNode)
        return internal("{} \"{}\" is made by a node", what, graph_.value(id).name);
      ready_[static_cast<size_t>(id)] = true;
      return {};
    };
    for (ValueId id : graph_.inputs) FOVEA_TRY(feed(id, "input"));
    for (const Graph::Capture& capture : graph_.captures) {
      if (capture.index >= outer)
        return internal("capture {} is taken, but the node around has {}", capture.index, outer);
      FOVEA_TRY(feed(capture.inner, "captured value"));
    }
    for (ValueId id : graph_.outputs)
      if (!in_range(id)) return internal("output {} does not exist", id);
    return {};
  }

  Result<void> check_node(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.op_type.empty()) return internal("the node has no operator");
    for (const auto* used : {&node.inputs, &node.captures})
      for (ValueId v : *used) {
        if (v == kNoValue && used == &node.inputs) continue;
        if (!in_range(v)) return internal("value {} does not exist", v);
        if (!ready(v)) return invalid_model("\"{}\" is used before anything makes it", graph_.value(v).name);
      }
    for (const auto& [name, attribute] : node.attributes) {
      const auto* subgraph = std::get_if<std::shared_ptr<Graph>>(&attribute);
      if (subgraph == nullptr) continue;
      if (*subgraph == nullptr) return internal("attribute \"{}\" is a graph that is not there", name);
      FOVEA_TRY_AT(name, Verifier(**subgraph, depth_ + 1).run(node.captures.size()));
    }
    for (ValueId v : node.outputs) {
      if (v == kNoValue) continue;
      if (!in_range(v)) return internal("output {} does not exist", v);
      if (ready(v)) return internal("\"{}\" is made twice", graph_.value(v).name);
      if (graph_.value(v).producer != id)
        return internal("\"{}\" does not know that the node makes it", graph_.value(v).name);
      ready_[static_cast<size_t>(v)] = true;
    }
    return {};
  }

  Result<void> check_order_is_complete(std::vector<NodeId> order) const {
    std::ranges::sort(order);
    if (std::ranges::adjacent_find(order) != order.end()) return internal("a node stands twice in the order");
    size_t alive = 0;
    for (size_t i = 0; i < graph_.node_slots(); ++i) alive += graph_.alive(static_cast<NodeId>(i));
    if (alive != order.size()) return internal("{} nodes exist, but {} are in the order", alive, order.size());
    return {};
  }

  Result<void> check_users() const {
    std::vector<std::vector<NodeId>> expected(graph_.value_slots());
    for (NodeId id : graph_.order()) {
      for (ValueId v : graph_.node(id).inputs)
        if (v != kNoValue) expected[static_cast<size_t>(v)].push_back(id);
      for (ValueId v : graph_.node(id).captures) expected[static_cast<size_t>(v)].push_back(id);
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      std::vector<NodeId> listed = graph_.users(static_cast<ValueId>(i));
      std::ranges::sort(listed);
      std::ranges::sort(expected[i]);
      if (listed != expected[i])
        return internal("the list of who uses \"{}\" is wrong", graph_.value(static_cast<ValueId>(i)).name);
    }
    return {};
  }

  const Graph& graph_;
  int depth_;
  std::vector<bool> ready_;  // by value: made by what has been seen so far
};

}  // namespace

Result<void> verify(const Graph& graph) { return Verifier(graph, 0).run(0); }

}  // namespace fovea
