// act(a) * b -> fovea.Gate(x, x) where a and b are parts of the rows of x (SwiGLU, GeGLU: gate and value by one
// product)
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"
#include "passes/strided_view.h"

namespace fovea::passes {
namespace {

/// The rows {offset, stride} that a view consists of; nullopt where its rows do not follow one another evenly.
std::optional<std::vector<int64_t>> rows_of(const StridedView& view) {
  if (view.scale != 1 || view.extents.empty() || (view.strides.back() != 1 && view.extents.back() != 1))
    return std::nullopt;
  const int64_t width = view.extents.back(), rows = element_count(view.extents) / width;
  const auto merged = reshape_view(view, {rows, width});
  if (!merged || merged->strides[0] < 0) return std::nullopt;
  return std::vector<int64_t>{merged->offset, merged->strides[0]};
}

std::string function_of(const Node& node) {
  if (node.is("Sigmoid")) return node.op_type;
  if (node.is("Swish")) {
    const auto* alpha = node.attribute<float>("alpha");
    return alpha == nullptr || *alpha == 1 ? "Swish" : "";
  }
  if (!node.is("Gelu")) return "";
  const auto* approximate = node.attribute<std::string>("approximate");
  return approximate != nullptr && *approximate == "tanh" ? "GeluTanh" : "Gelu";
}

}  // namespace

Outcome fuse_gate(Graph& graph, NodeId id) {
  const Node& mul = graph.node(id);
  if (!mul.is("Mul") || mul.inputs.size() != 2) return no_match();
  const auto shape = shape_of(graph, mul.outputs[0]);
  if (!shape || shape->empty() || element_count(*shape) == 0 || !is_f32(graph, mul.outputs[0])) return no_match();
  for (const size_t side : {0, 1}) {
    const NodeId producer = graph.value(mul.inputs[side]).producer;
    if (producer == kNoNode) continue;
    const Node& function = graph.node(producer);
    const std::string name = function_of(function);
    if (name.empty() || shape_of(graph, mul.inputs[side]) != shape || shape_of(graph, mul.inputs[1 - side]) != shape)
      continue;
    const auto a = strided_view(graph, function.inputs[0]), b = strided_view(graph, mul.inputs[1 - side]);
    if (!a || !b || a->base != b->base || a->base == function.inputs[0]) continue;  // parts of one value
    if (!used_once(graph, mul.inputs[side])) return refused("the gate is used elsewhere too");
    const auto a_rows = rows_of(*a), b_rows = rows_of(*b);
    if (!a_rows || !b_rows) return refused("the parts are not rows");
    Node gate;
    gate.name = mul.name;
    gate.domain = "fovea";
    gate.op_type = "Gate";
    gate.opset = 1;
    gate.inputs = {a->base, b->base};
    gate.attributes["shape"] = *shape;
    gate.attributes["a"] = *a_rows;
    gate.attributes["b"] = *b_rows;
    gate.attributes["activation"] = name;
    replace_node(graph, id, std::move(gate));
    return applied();
  }
  return no_match();
}

}  // namespace fovea::passes
