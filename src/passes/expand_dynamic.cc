// float(MatMulInteger(q, W, z)) * (s * w_scale) -> MatMul(DequantizeLinear(q, s, z), DequantizeLinear(W, w_scale)), and
// the same for ConvInteger: the form in which fuse_quantized looks for products
//
// It is what dynamic quantisation writes, q, s and z being what DynamicQuantizeLinear makes of the activations.
#include "passes/catalogue.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

NodeId producer_of(const Graph& graph, ValueId value) {
  return value == kNoValue ? kNoNode : graph.value(value).producer;
}

/// The node of this type that makes the value; nullptr for others.
const Node* made_by(const Graph& graph, ValueId value, std::string_view type) {
  const NodeId id = producer_of(graph, value);
  return id != kNoNode && graph.node(id).is(type) ? &graph.node(id) : nullptr;
}

const Node* integer_product(const Graph& graph, ValueId value) {
  const Node* cast = made_by(graph, value, "Cast");
  if (cast == nullptr) return nullptr;
  const auto* to = cast->attribute<int64_t>("to");
  if (to == nullptr || *to != 1) return nullptr;  // ONNX's number for f32
  const Node* product = made_by(graph, cast->inputs[0], "MatMulInteger");
  return product != nullptr ? product : made_by(graph, cast->inputs[0], "ConvInteger");
}

ValueId input(const Node& node, size_t i) { return i < node.inputs.size() ? node.inputs[i] : kNoValue; }

}  // namespace

Outcome expand_dynamic(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Mul") || node.inputs.size() != 2) return no_match();
  for (const size_t side : {0, 1}) {
    const Node* found = integer_product(graph, node.inputs[side]);
    const Node* scales = made_by(graph, node.inputs[1 - side], "Mul");
    if (found == nullptr || scales == nullptr) continue;
    const Node product = *found;
    const NodeId quantize = producer_of(graph, product.inputs[0]);
    if (quantize == kNoNode || !graph.node(quantize).is("DynamicQuantizeLinear")) return refused("other activations");
    const std::vector<ValueId> made = graph.node(quantize).outputs;
    const size_t own = scales->inputs[0] == made[1] ? 0 : 1;
    const ValueId w_scale = scales->inputs[1 - own], w = product.inputs[1];
    const Tensor *known = graph.constant(w_scale), *weight = graph.constant(w);
    if (scales->inputs[own] != made[1] || input(product, 2) != made[2] || known == nullptr || weight == nullptr)
      return refused("scales that are not those of the operands");
    const bool conv = product.is("ConvInteger");
    const Tensor* zero = graph.constant(input(product, 3));
    if (input(product, 3) != kNoValue && (zero == nullptr || zero->size() != known->size()))
      return refused("a zero point of the weights that does not go with their scales");
    const int64_t axis = conv ? 0 : weight->rank() - 1;
    if (known->size() != 1 && (axis < 0 || known->size() != weight->shape()[static_cast<size_t>(axis)]))
      return refused("the weights' scales do not go with the columns");
    const ValueType real{DType::f32, std::nullopt};
    Node left, right, inner = product;
    left.op_type = right.op_type = "DequantizeLinear";
    left.opset = right.opset = 21;
    left.name = right.name = product.name;
    left.inputs = {product.inputs[0], made[1], made[2]};
    right.attributes["axis"] = axis;
    const Shape shape = known->size() == 1 ? Shape{} : Shape{known->size()};
    const Tensor scale = known->reshaped(shape), zero_point = zero != nullptr ? zero->reshaped(shape) : Tensor();
    right.inputs = {w, graph.add_constant("scale", scale)};  // which moves the graph's constants
    if (zero_point.raw() != nullptr) right.inputs.push_back(graph.add_constant("zero_point", zero_point));
    inner.op_type = conv ? "Conv" : "MatMul";
    inner.opset = conv ? 11 : 13;
    inner.inputs = {insert_node(graph, id, std::move(left), real), insert_node(graph, id, std::move(right), real)};
    replace_node(graph, id, std::move(inner));
    return applied();
  }
  return no_match();
}

}  // namespace fovea::passes
