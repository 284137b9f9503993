// The graph: values, nodes, attributes and weights of a model, as ONNX describes them, with indices instead of names.
//
// Values and nodes are named by index; an index stays valid while the graph lives (removed nodes leave a hole). Nodes
// are kept in topological order. Subgraphs (the branches of If, the body of Loop) are graphs of their own that may use
// the values of the graph around them: the node lists these in `captures`, the subgraph says which of its own values
// they are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

class Graph;

/// One extent of a graph's input or output: a number, a named symbol ("batch"), or unknown (no name, -1).
struct Dim {
  int64_t value = -1;
  std::string symbol;
  bool known() const { return value >= 0; }
  bool operator==(const Dim&) const = default;
};

/// What a graph says of a value's type. A missing shape means any rank.
struct ValueType {
  std::optional<DType> dtype;
  std::optional<std::vector<Dim>> shape;

  /// The type as numbers, where all of it is known.
  std::optional<TensorType> concrete() const;
  static ValueType of(const TensorType& type);
  bool operator==(const ValueType&) const = default;
};
/// "f32[batch,3,224,224]", "f32[?]" for an unknown extent, "f32" for an unknown rank, "?" where nothing is known.
std::string to_string(const ValueType& type);
/// Whether a tensor of this type may stand where `declared` is said: what is not known fits everything.
bool accepts(const ValueType& declared, const TensorType& type);

using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input or output that is left out
inline constexpr NodeId kNoNode = -1;

using Attribute = std::variant<int64_t, float, std::string, Tensor, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, std::shared_ptr<Graph>>;

struct Value {
  std::string name;  // unique within its graph; never empty
  ValueType type;
  std::optional<Tensor> constant;  // a weight, or a result that folding made known
  NodeId producer = kNoNode;
};

struct Node {
  std::string name;    // for messages; may be empty or repeated, as ONNX allows
  std::string domain;  // "" is ONNX's own; "fovea" holds the operators that passes make
  std::string op_type;
  int opset = 0;                  // version of `domain` that gives the node its meaning
  std::vector<ValueId> inputs;    // kNoValue where an optional one is left out
  std::vector<ValueId> outputs;   // likewise
  std::vector<ValueId> captures;  // values of this graph that the node's subgraphs use
  std::map<std::string, Attribute, std::less<>> attributes;

  bool is(std::string_view type, std::string_view in_domain = "") const {
    return op_type == type && domain == in_domain;
  }
  /// 'Conv "conv1"', how messages name a node; without a name its first output serves.
  std::string label(const Graph& graph) const;
  /// The attribute if it is there and of type T; nullptr if not.
  template <class T>
  const T* attribute(std::string_view key) const {
    auto it = attributes.find(key);
    return it == attributes.end() ? nullptr : std::get_if<T>(&it->second);
  }
};

class Graph {
 public:
  std::string name;
  std::vector<ValueId> inputs;                  // fed by the caller; one with a constant has it as its default
  std::vector<ValueId> outputs;                 // values; the same one may stand twice
  std::map<std::string, std::string> metadata;  // ONNX metadata_props

  /// In a subgraph: our value `inner` is the value number `index` in the captures of the node around us.
  struct Capture {
    size_t index;
    ValueId inner;
  };
  std::vector<Capture> captures;

  // ---- reading
  const Value& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  const Node& node(NodeId id) const { return *nodes_[static_cast<size_t>(id)]; }
  bool alive(NodeId id) const { return nodes_[static_cast<size_t>(id)].has_value(); }
  /// One past the largest index in use.
  size_t value_slots() const { return values_.size(); }
  size_t node_slots() const { return nodes_.size(); }
  /// Living nodes in topological order (as long as edits keep it; see sort).
  const std::vector<NodeId>& order() const { return order_; }
  std::optional<ValueId> find_value(std::string_view name) const;
  /// Nodes that use the value as an input or a capture, in no particular order, once for each use.
  const std::vector<NodeId>& users(ValueId id) const { return users_[static_cast<size_t>(id)]; }
  bool is_output(ValueId id) const;
  /// The value's constant; nullptr for kNoValue and for values that are computed or fed.
  const Tensor* constant(ValueId id) const {
    return id == kNoValue || !value(id).constant ? nullptr : &*value(id).constant;
  }

  // ---- editing
  /// A new value. An empty or taken name is made unique by a suffix.
  ValueId add_value(std::string_view name, ValueType type = {});
  ValueId add_constant(std::string_view name, Tensor tensor);
  void set_type(ValueId id, ValueType type) { values_[static_cast<size_t>(id)].type = std::move(type); }
  /// Makes the value a constant. Precondition: no node produces it (remove that one first).
  void set_constant(ValueId id, Tensor tensor);
  void clear_constant(ValueId id) { values_[static_cast<size_t>(id)].constant.reset(); }

  /// Appends a node; its outputs get it as their producer. Precondition: values exist, outputs have no producer.
  NodeId add_node(Node node);
  /// Puts the node where `place` stands in the order, before it.
  NodeId insert_before(NodeId place, Node node);
  /// Takes a node out; its outputs lose their producer but stay as values.
  void remove_node(NodeId id);
  void set_input(NodeId id, size_t position, ValueId value);
  void set_attribute(NodeId id, std::string_view key, Attribute attribute);
  /// Every use of `from`, the graph's outputs included, becomes a use of `to`.
  void replace_uses(ValueId from, ValueId to);
  /// Puts the order right. Error: invalid_model, naming a node on a cycle.
  Result<void> sort();
  /// Drops nodes whose outputs nobody uses, and what only they used. Returns how many.
  int remove_dead_nodes();

 private:
  NodeId link(Node node);
  void unlink_use(ValueId value, NodeId node);

  std::vector<Value> values_;
  std::vector<std::vector<NodeId>> users_;  // beside values_
  std::vector<std::optional<Node>> nodes_;
  std::vector<NodeId> order_;
  std::map<std::string, ValueId, std::less<>> by_name_;
  std::map<std::string, int, std::less<>> suffixes_;  // the last one tried for a name that was taken
};

}  // namespace fovea
