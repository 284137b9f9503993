// A graph over f16 or bf16 -> the same over f32
//
// Its inputs and outputs keep their types: a Cast stands behind and before them. Weights of linear layers stay as they
// are behind a Cast, which narrow_weights takes in; other constants are widened. Results are those of f32: they are not
// rounded between the operators.
#include <algorithm>

#include "ops/onnx_dtype.h"
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

bool is_half(std::optional<DType> dtype) { return dtype == DType::f16 || dtype == DType::bf16; }
bool is_half(int64_t onnx_number) {
  return onnx_number == ops::dtype_to_onnx(DType::f16) || onnx_number == ops::dtype_to_onnx(DType::bf16);
}

std::optional<Tensor> widened(const Tensor& half) {
  auto made = Tensor::allocate(DType::f32, half.shape());
  if (!made.ok()) return std::nullopt;
  auto* to = made->mutable_view().as<float>();
  for (int64_t i = 0; i < half.size(); ++i)
    to[i] =
        half.dtype() == DType::f16 ? static_cast<float>(half.data<f16>()[i]) : static_cast<float>(half.data<bf16>()[i]);
  return std::move(made).value();
}

Node cast_node(ValueId from, DType to) {
  Node cast;
  cast.op_type = "Cast";
  cast.opset = 21;
  cast.inputs = {from};
  cast.attributes["to"] = int64_t{ops::dtype_to_onnx(to)};
  return cast;
}

/// Attributes that name the type of a result.
constexpr std::string_view kTypeKeys[] = {"to", "dtype", "output_dtype", "output_datatype", "precision"};

/// Whether the node has its types from its operands, or from attributes that can be changed.
bool can_be_wider(const Node& node) {
  if (node.is("BitCast")) return false;
  for (const auto& [key, value] : node.attributes)
    if (std::holds_alternative<std::shared_ptr<Graph>>(value)) return false;
  return true;
}

/// Whether anything in the graph computes with halves: more than weights that are cast when they are read.
bool computes_with_halves(const Graph& graph) {
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    const auto* to = node.attribute<int64_t>("to");
    if (node.is("Cast") && to != nullptr && is_half(*to)) return true;
    if (node.is("Cast")) continue;
    for (ValueId v : node.inputs)
      if (v != kNoValue && is_half(graph.value(v).type.dtype)) return true;
  }
  return false;
}

struct Change {
  NodeId node;
  std::string key;
  Attribute value;
};

/// Adds what becomes of the node's attributes. False: there is no memory for a tensor.
bool widen_attributes(const Graph& graph, NodeId id, std::vector<Change>& changes) {
  for (const auto& [key, value] : graph.node(id).attributes) {
    const auto* number = std::get_if<int64_t>(&value);
    if (number != nullptr && is_half(*number) && std::ranges::find(kTypeKeys, key) != std::end(kTypeKeys))
      changes.push_back({id, key, int64_t{ops::dtype_to_onnx(DType::f32)}});
    const auto* tensor = std::get_if<Tensor>(&value);
    if (tensor == nullptr || !is_half(tensor->dtype())) continue;
    auto wide = widened(*tensor);
    if (!wide) return false;
    changes.push_back({id, key, std::move(*wide)});
  }
  return true;
}

/// The type of a value, known or named by the Cast that makes it.
std::optional<DType> result_type(const Graph& graph, ValueId v) {
  const Value& value = graph.value(v);
  if (value.type.dtype || value.producer == kNoNode || !graph.node(value.producer).is("Cast")) return value.type.dtype;
  const auto* to = graph.node(value.producer).attribute<int64_t>("to");
  const auto dtype = ops::dtype_from_onnx(to != nullptr ? *to : 0);
  return dtype.ok() ? std::optional(*dtype) : std::nullopt;
}

/// Whether every use is as the weight of a linear layer.
bool is_weight(const Graph& graph, ValueId v) {
  return graph.constant(v)->rank() == 2 && !graph.users(v).empty() && !graph.is_output(v) &&
         leads_to_products(graph, v);
}

/// The users as they were before there was `now`, which may be made of `before`.
void use_instead(Graph& graph, const std::vector<NodeId>& users, ValueId before, ValueId now) {
  for (NodeId id : users) {
    const std::vector<ValueId> inputs = graph.node(id).inputs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i] == before) graph.set_input(id, i, now);
  }
}

/// Puts a Cast to f32 behind an input or a weight, for all its users.
void cast_behind(Graph& graph, ValueId v) {
  const std::vector<NodeId> users = graph.users(v);
  if (users.empty()) return;
  NodeId first = users[0];
  for (NodeId id : graph.order())
    if (std::ranges::find(users, id) != users.end()) {
      first = id;
      break;
    }
  const ValueType type = graph.value(v).type;
  use_instead(graph, users, v, insert_node(graph, first, cast_node(v, DType::f32), {DType::f32, type.shape}));
}

}  // namespace

int widen_halves(Graph& graph) {
  if (!computes_with_halves(graph)) return 0;
  for (NodeId id : graph.order())
    if (!can_be_wider(graph.node(id))) return 0;
  const std::vector<NodeId> nodes = graph.order();
  const auto slots = static_cast<ValueId>(graph.value_slots());
  std::vector<ValueId> kept, computed;  // inputs and weights; what nodes make
  std::vector<std::pair<ValueId, Tensor>> constants;
  std::vector<Change> changes;
  std::vector<std::pair<ValueId, DType>> results;
  // What the caller gets keeps its type, so that must be known.
  if (std::ranges::any_of(graph.outputs, [&](ValueId v) { return !result_type(graph, v); })) return 0;
  for (ValueId v : graph.outputs)
    if (const auto dtype = result_type(graph, v); is_half(dtype)) results.emplace_back(v, *dtype);
  for (ValueId v = 0; v < slots; ++v) {
    if (!is_half(graph.value(v).type.dtype)) continue;
    const bool is_input = std::ranges::find(graph.inputs, v) != graph.inputs.end();
    const Tensor* constant = graph.constant(v);
    if (is_input || (constant != nullptr && is_weight(graph, v))) {
      kept.push_back(v);
    } else if (constant != nullptr) {
      if (graph.users(v).empty()) continue;
      auto wide = widened(*constant);
      if (!wide) return 0;
      constants.emplace_back(v, std::move(*wide));
    } else {
      computed.push_back(v);
    }
  }
  for (NodeId id : nodes)
    if (!widen_attributes(graph, id, changes)) return 0;
  // From here on nothing fails: a graph that is widened in part would be no graph.
  for (auto& [v, wide] : constants) {
    if (graph.is_output(v)) {
      const std::vector<NodeId> users = graph.users(v);
      use_instead(graph, users, v, graph.add_constant(graph.value(v).name + ".f32", std::move(wide)));
    } else {
      graph.set_constant(v, std::move(wide));
    }
  }
  for (ValueId v : computed) graph.set_type(v, {DType::f32, graph.value(v).type.shape});
  for (auto& [id, key, value] : changes) graph.set_attribute(id, key, std::move(value));
  for (ValueId v : kept) cast_behind(graph, v);
  for (const auto& [v, dtype] : results) {
    if (graph.constant(v) != nullptr || graph.value(v).producer == kNoNode) continue;
    const ValueId made = graph.add_value(graph.value(v).name, {dtype, graph.value(v).type.shape});
    Node cast = cast_node(v, dtype);
    cast.outputs = {made};
    graph.add_node(std::move(cast));
    std::ranges::replace(graph.outputs, v, made);
  }
  return static_cast<int>(nodes.size());
}

}  // namespace fovea::passes
