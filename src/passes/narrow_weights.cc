// MatMul(A, DequantizeLinear(W, scale, zero)), MatMul(A, Cast(W)), with W of fewer bits -> fovea.MatMul(A, W, ...)
//
// Also Gemm, and with a Transpose of the widened weight: the weight stays as it is stored, and is widened while it is
// read. Where A is dequantised, too, fuse_quantized wants the weight.
#include <algorithm>

#include "ops/operator.h"
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// The node that widens the weight, and whether its result is transposed then.
struct Widening {
  NodeId node = kNoNode;
  bool turned = false;
};

Widening widening_of(const Graph& graph, ValueId weight) {
  Widening found{graph.value(weight).producer, false};
  if (found.node != kNoNode && graph.node(found.node).is("Transpose")) {
    const auto* perm = graph.node(found.node).attribute<std::vector<int64_t>>("perm");
    if (perm != nullptr && *perm != std::vector<int64_t>{1, 0}) return {};
    found = {graph.value(graph.node(found.node).inputs[0]).producer, true};
  }
  return found.node != kNoNode && widens_weight(graph, graph.node(found.node)) ? found : Widening{};
}

/// Parameters as {blocks, n}: of the tensor, of columns, or of blocks along the depth; nullopt for other ones.
template <class T>
std::optional<Tensor> by_blocks(const Tensor& given, int64_t columns, int64_t blocks, bool transposed) {
  auto made = Tensor::allocate(given.dtype(), {blocks, columns});
  if (!made.ok()) return std::nullopt;
  const int64_t block_stride = given.size() == 1 ? 0 : transposed ? 1 : columns;
  const int64_t column_stride = given.size() == 1 ? 0 : transposed ? blocks : 1;
  T* to = made->mutable_view().template as<T>();
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t n = 0; n < columns; ++n) *to++ = given.data<T>()[b * block_stride + n * column_stride];
  return std::move(made).value();
}

/// Zero points of signed numbers are kept as bytes, more by 8.
bool fits_4_bits(const Tensor& weight, const std::optional<Tensor>& zeros) {
  if (weight.dtype() == DType::u8)
    return std::ranges::all_of(weight.values<uint8_t>(), [](uint8_t q) { return q < 16; });
  return std::ranges::all_of(weight.values<int8_t>(), [](int8_t q) { return q >= -8 && q < 8; }) &&
         (!zeros || std::ranges::all_of(zeros->values<int8_t>(), [](int8_t z) { return z >= -8; }));
}

/// Whether the shape rule takes the node, all of whose inputs are known: else its error is to be reported.
bool is_valid(const Graph& graph, const Node& node) {
  const auto op = ops::parse_operator(node);
  if (!op.ok()) return false;
  std::vector<ops::Inputs::Input> inputs(node.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!has(node, i)) continue;
    const Tensor* value = graph.constant(node.inputs[i]);
    if (value == nullptr) return false;
    inputs[i] = {value->type(), value, true};
  }
  return (*op)->infer(ops::Inputs(inputs, node.outputs.size())).ok();
}

/// Adds the scales and zero points of a DequantizeLinear to the product; a reason where they are others than those of
/// columns and of blocks along the depth.
std::string set_parameters(Graph& graph, const Node& dequantize, Node& product, bool transposed) {
  const Tensor weight = *graph.constant(dequantize.inputs[0]), scale = *graph.constant(dequantize.inputs[1]);
  const int64_t depth = weight.shape()[transposed ? 1 : 0], columns = weight.shape()[transposed ? 0 : 1];
  const auto* axis_given = dequantize.attribute<int64_t>("axis");
  const auto* block_given = dequantize.attribute<int64_t>("block_size");
  const int64_t axis = ((axis_given != nullptr ? *axis_given : 1) + 2) % 2, depth_axis = transposed ? 1 : 0;
  const int64_t block = block_given != nullptr ? *block_given : 0;
  int64_t blocks = 1;
  if (scale.size() != 1 && block == 0 && axis == depth_axis) return "a scale for each row of the depth";
  if (scale.size() != 1 && block != 0) {
    if (axis != depth_axis) return "blocks along the columns";
    blocks = depth == 0 ? 0 : (depth - 1) / block + 1;
  }
  if (depth == 0 || columns == 0 || (scale.size() != 1 && scale.size() != blocks * columns)) return "an odd shape";
  // The scales of a single block are in the order of the columns, whatever the weight's.
  const auto scales = by_blocks<float>(scale, columns, blocks, transposed && blocks > 1);
  if (!scales) return "no memory for the scales";
  product.inputs.resize(6, kNoValue);
  std::optional<Tensor> zeros;
  if (has(dequantize, 2)) {
    const Tensor zero = *graph.constant(dequantize.inputs[2]);
    if (zero.size() != 1 && zero.size() != blocks * columns) return "an odd shape of zero points";
    zeros = by_blocks<uint8_t>(zero, columns, blocks, transposed && blocks > 1);
    if (!zeros) return "no memory for the zero points";
  }
  product.inputs[4] = graph.add_constant(product.name + ".scale", *scales);
  if (blocks > 1) product.attributes["block_size"] = block;
  if (fits_4_bits(weight, zeros)) product.attributes["bits"] = int64_t{4};
  if (zeros) product.inputs[5] = graph.add_constant(product.name + ".zero_point", std::move(*zeros));
  return {};
}

/// Attributes and bias of a Gemm; a reason where they are others than a linear layer's.
std::string set_gemm(const Graph& graph, const Node& gemm, Node& product, bool& transposed, int64_t columns) {
  const auto real = [&](std::string_view key) {
    const auto* value = gemm.attribute<float>(key);
    return value != nullptr ? *value : 1.0f;
  };
  const auto flag = [&](std::string_view key) {
    const auto* value = gemm.attribute<int64_t>(key);
    return value != nullptr && *value != 0;
  };
  if (flag("transA") || real("alpha") != 1 || (has(gemm, 2) && real("beta") != 1))
    return "factors or a transposed left operand";
  transposed = transposed != flag("transB");
  if (!has(gemm, 2)) return {};
  const auto c = shape_of(graph, gemm.inputs[2]);
  if (!c || c->size() != 1 || c->back() != columns) return "C is not one row";
  product.inputs.push_back(gemm.inputs[2]);
  return {};
}

}  // namespace

Outcome narrow_weights(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  if (!node.is("MatMul") && !node.is("Gemm")) return no_match();
  const auto [found, turned] = widening_of(graph, node.inputs[1]);
  if (found == kNoNode) return no_match();
  const Node widen = graph.node(found);
  if (weighs_bytes(graph, widen)) return no_effect();
  if (!is_valid(graph, widen)) return refused("what widens the weight is not valid");
  Node product;
  product.name = node.name;
  product.domain = "fovea";
  product.op_type = "MatMul";
  product.opset = 1;
  product.inputs = {node.inputs[0], widen.inputs[0]};
  bool transposed = turned;
  std::string reason;
  if (node.is("Gemm")) {
    const auto* trans_b = node.attribute<int64_t>("transB");
    const bool by_rows = turned != (trans_b != nullptr && *trans_b != 0);
    reason = set_gemm(graph, node, product, transposed, graph.constant(widen.inputs[0])->shape()[by_rows ? 0 : 1]);
  }
  if (reason.empty() && widen.is("DequantizeLinear")) reason = set_parameters(graph, widen, product, transposed);
  if (!reason.empty()) return refused(reason);
  if (transposed) product.attributes["transpose_b"] = int64_t{1};
  replace_node(graph, id, std::move(product));
  return applied();
}

}  // namespace fovea::passes
