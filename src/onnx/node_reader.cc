// The part of GraphReader that reads nodes.
#include "base/error.h"
#include "graph/verify.h"
#include "onnx/check_node.h"
#include "onnx/graph_reader.h"
#include "onnx/read_attribute.h"
#include "ops/constant.h"

namespace fovea::onnx {
namespace {

template <class T>
void drop_trailing_blanks(std::vector<T>& operands) {
  while (!operands.empty() && operands.back() == kNoValue) operands.pop_back();
}

}  // namespace

template <class Nodes>
Result<void> GraphReader::declare_outputs(const Nodes& nodes, Scope& scope) {
  // Before any node is read, so that nodes may stand in any order; sort() puts them right.
  for (const wire::Node& node : nodes) {
    for (const std::string& name : node.output()) {
      if (name.empty()) continue;
      const auto [place, is_new] = scope.names.try_emplace(name, kNoValue);
      if (!is_new || scope.unusable.contains(name))
        return invalid_model("value \"{}\" is made twice", name).at(label(scope, node));
      const auto result = scope.results.find(name);
      place->second =
          result != scope.results.end() ? result->second : scope.level->graph->add_value(scope.prefix + name);
    }
  }
  return {};
}

Result<void> GraphReader::count_node(const wire::Node& proto, const Scope& scope) {
  // Subgraphs too: a function may use one that it is handed many times.
  if (scope.call != nullptr || scope.outer != nullptr) {
    ++inlined_nodes_;
    inlined_bytes_ += proto.ByteSizeLong();
  }
  if (inlined_nodes_ > kMaxInlinedNodes || inlined_bytes_ > kMaxInlinedBytes)
    return invalid_model("the functions grow beyond {} nodes or {} bytes when they are inlined", kMaxInlinedNodes,
                         kMaxInlinedBytes);
  if (proto.attribute_size() > kMaxAttributes)
    return invalid_model("a node with {} attributes", proto.attribute_size());
  return {};
}

template <class Nodes>
Result<void> GraphReader::read_nodes(const Nodes& nodes, Scope& scope) {
  for (const wire::Node& node : nodes) FOVEA_TRY_AT(label(scope, node), read_node(node, scope));
  return {};
}

// What fovea lacks is noted, and the node made without it, so that `inspect` gets a whole graph.
Result<void> GraphReader::read_node(const wire::Node& proto, Scope& scope) {
  FOVEA_TRY(count_node(proto, scope));
  if (proto.op_type().empty()) return invalid_model("a node has no operator");
  if (const wire::Function* function = function_for(proto)) return inline_call(*function, proto, scope);
  Graph& graph = *scope.level->graph;
  const size_t notes = unsupported_.size();
  Node node;
  node.op_type = proto.op_type();
  node.domain = short_domain(proto.domain());
  node.opset = FOVEA_TRY(opset_of(scope, node.domain));
  if (!proto.name().empty()) node.name = scope.prefix + proto.name();
  for (const std::string& name : proto.output()) node.outputs.push_back(name.empty() ? kNoValue : scope.names.at(name));
  drop_trailing_blanks(node.outputs);
  for (int i = 0; i < proto.input_size(); ++i) node.inputs.push_back(FOVEA_TRY(read_operand(proto, i, scope)));
  drop_trailing_blanks(node.inputs);
  Captures captures;
  FOVEA_TRY(read_attributes(proto, scope, node, captures));
  node.captures = std::move(captures.list);
  if (node.is("Constant") && node.outputs.size() == 1 && unsupported_.size() == notes) {
    Result<Tensor> value = ops::constant_value(node);
    if (value) {
      graph.set_constant(node.outputs[0], *std::move(value));
      return {};
    }
    FOVEA_TRY(note(std::move(value).error(), label(scope, proto)));
  }
  if (unsupported_.size() == notes)
    if (auto checked = check_node(node); !checked) FOVEA_TRY(note(std::move(checked).error(), label(scope, proto)));
  graph.add_node(std::move(node));
  return {};
}

/// Integers of 4 bits are taken where they are only read: as x and zero point of DequantizeLinear.
Result<ValueId> GraphReader::read_operand(const wire::Node& proto, int position, Scope& scope) {
  const std::string& name = proto.input(position);
  const auto tensor = scope.four_bits.find(name);
  if (tensor == scope.four_bits.end() || proto.op_type() != "DequantizeLinear" || position == 1 ||
      !short_domain(proto.domain()).empty())
    return find_or_note(scope, name, proto);
  FourBits& found = tensor->second;
  if (found.wide == kNoValue) {  // once, whatever the number of its users
    Tensor wide = FOVEA_TRY_AT(fmt::format("initializer \"{}\"", name), to_wider_tensor(*found.tensor, source_));
    found.wide = scope.level->graph->add_constant(name, std::move(wide));
  }
  return found.wide;
}

Result<void> GraphReader::read_attributes(const wire::Node& proto, Scope& scope, Node& node, Captures& captures) {
  for (const wire::Attribute& attribute : proto.attribute()) {
    const std::string place = fmt::format("attribute \"{}\"", attribute.name());
    if (attribute.name().empty()) return invalid_model("an attribute has no name");
    const Written written = FOVEA_TRY_AT(place, resolve(attribute, scope));
    if (written.attribute == nullptr) continue;
    Result<Attribute> value = kind_of(*written.attribute) == AttributeKind::graph
                                  ? read_subgraph(written.attribute->g(), *written.scope, *scope.level, captures)
                                  : to_attribute(*written.attribute, source_);
    if (!value) {
      FOVEA_TRY(note(std::move(value).error().at(place), label(scope, proto)));
      continue;
    }
    if (!node.attributes.emplace(attribute.name(), *std::move(value)).second)
      return invalid_model("it is there twice").at(place);
  }
  return {};
}

/// `around` is where the subgraph was written and where its names are looked up; it becomes part of a node of `level`,
/// which is the same but for a graph that is handed to a function.
Result<Attribute> GraphReader::read_subgraph(const wire::Graph& proto, const Scope& around, Level& level,
                                             Captures& captures) {
  auto graph = std::make_shared<Graph>();
  Level inner{.graph = graph.get(), .outer = &level, .captures = &captures};
  if (inner.depth() > kMaxSubgraphDepth) return invalid_model("subgraphs nest deeper than {}", kMaxSubgraphDepth);
  Scope scope{.level = &inner, .outer = &around, .call = around.call, .opsets = around.opsets, .prefix = around.prefix};
  FOVEA_TRY(read_graph(proto, scope));
  return Attribute(std::move(graph));
}

Result<int> GraphReader::opset_of(const Scope& scope, std::string_view domain) const {
  for (const Opsets* opsets : {scope.opsets, &opsets_})
    if (const auto it = opsets->find(domain); it != opsets->end()) return it->second;
  return invalid_model("domain \"{}\" is not among the operator sets that the model imports", domain);
}

// The two fields that hold nodes, graph.node and function.node, have the same type.
using NodeField = google::protobuf::RepeatedPtrField<wire::Node>;
template Result<void> GraphReader::declare_outputs(const NodeField&, Scope&);
template Result<void> GraphReader::read_nodes(const NodeField&, Scope&);

}  // namespace fovea::onnx
