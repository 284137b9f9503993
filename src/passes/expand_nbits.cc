// com.microsoft.MatMulNBits(A, B, scales, zeros) -> MatMul(A, Transpose(DequantizeLinear(b, scales, zeros)))
//
// where b has its numbers as bytes: the form in which narrow_weights finds weights of blocks.
#include "ops/matmul_nbits.h"
#include "passes/catalogue.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

const Tensor* constant(const Graph& graph, const Node& node, size_t i) {
  return i < node.inputs.size() ? graph.constant(node.inputs[i]) : nullptr;
}
/// The operator, where all but A is known, and fits.
std::optional<ops::MatMulNBits> known_product(const Graph& graph, const Node& node) {
  const auto op = ops::parse_operator(node);
  if (!op.ok()) return std::nullopt;
  const auto& product = dynamic_cast<const ops::MatMulNBits&>(**op);
  std::vector<ops::Inputs::Input> inputs(node.inputs.size());
  inputs[0] = {{DType::f32, {product.depth}}, nullptr, true};
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (!has(node, i)) continue;
    if (graph.constant(node.inputs[i]) == nullptr) return std::nullopt;
    inputs[i] = {graph.constant(node.inputs[i])->type(), graph.constant(node.inputs[i]), true};
  }
  if (!product.infer(ops::Inputs(inputs, 1)).ok()) return std::nullopt;
  return product;
}

}  // namespace

Outcome expand_nbits(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  if (!node.is("MatMulNBits", "com.microsoft")) return no_match();
  const auto product = known_product(graph, node);
  if (!product) return refused("a weight that is not known, or not over f32");
  const Tensor* packed_zeros = constant(graph, node, 3);
  if (packed_zeros != nullptr && packed_zeros->dtype() != DType::u8) return refused("zero points that are not whole");
  const Shape per_block{product->columns, product->blocks()};
  auto numbers = product->numbers(constant(graph, node, 1)->view());
  auto zeros =
      packed_zeros != nullptr ? product->zero_points(packed_zeros->view()) : Tensor::allocate(DType::u8, per_block);
  if (!numbers.ok() || !zeros.ok()) return refused("no memory for the weight");
  if (packed_zeros == nullptr)
    std::fill_n(zeros->mutable_view().as<uint8_t>(), zeros->size(), static_cast<uint8_t>(1 << (product->bits - 1)));
  const Tensor scales = constant(graph, node, 2)->reshaped(per_block);
  const ValueType real{DType::f32, std::nullopt};
  Node dequantize, turn, inner;
  dequantize.name = turn.name = inner.name = node.name;
  dequantize.op_type = "DequantizeLinear";
  turn.op_type = "Transpose";
  inner.op_type = "MatMul";
  dequantize.opset = turn.opset = inner.opset = 21;
  dequantize.attributes = {{"axis", int64_t{1}}, {"block_size", product->block}};
  turn.attributes["perm"] = std::vector<int64_t>{1, 0};
  dequantize.inputs = {graph.add_constant(node.name + ".weight", std::move(numbers).value()),
                       graph.add_constant(node.name + ".scale", scales),
                       graph.add_constant(node.name + ".zero_point", std::move(zeros).value())};
  turn.inputs = {insert_node(graph, id, std::move(dequantize), real)};
  inner.inputs = {node.inputs[0], insert_node(graph, id, std::move(turn), real)};
  if (!has(node, 5)) {
    replace_node(graph, id, std::move(inner));
    return applied();
  }
  Node add;
  add.name = node.name;
  add.op_type = "Add";
  add.opset = 14;
  add.inputs = {insert_node(graph, id, std::move(inner), graph.value(node.outputs[0]).type), node.inputs[5]};
  replace_node(graph, id, std::move(add));
  return applied();
}

}  // namespace fovea::passes
