// MatMul(A, W), Gemm(A, W, bias) with a constant matrix W -> fovea.MatMul, which can carry bias, residual, activation
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

float real(const Node& node, std::string_view key, float otherwise) {
  const auto* value = node.attribute<float>(key);
  return value ? *value : otherwise;
}
bool flag(const Node& node, std::string_view key) {
  const auto* value = node.attribute<int64_t>(key);
  return value && *value != 0;
}

}  // namespace

Outcome lower_linear(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const bool gemm = node.is("Gemm");
  if (!gemm && !node.is("MatMul")) return no_match();
  // A matrix that is known, or that DequantizeLinear makes of one.
  const auto d = dequantised(graph, node.inputs[1]);
  const Tensor* weight = graph.constant(d ? d->source : node.inputs[1]);
  const auto a = shape_of(graph, node.inputs[0]);
  if (weight == nullptr || weight->rank() != 2 || !a || a->empty()) return no_match();
  if (!is_f32(graph, node.inputs[0])) return refused("not f32");
  Node linear;
  linear.name = node.name;
  linear.domain = "fovea";
  linear.op_type = "MatMul";
  linear.opset = 1;
  linear.inputs = {node.inputs[0], node.inputs[1]};
  if (gemm) {
    const bool has_c = node.inputs.size() > 2 && node.inputs[2] != kNoValue;
    if (flag(node, "transA") || real(node, "alpha", 1) != 1 || (has_c && real(node, "beta", 1) != 1))
      return refused("factors or a transposed left operand");
    if (flag(node, "transB")) linear.attributes["transpose_b"] = int64_t{1};
    if (has_c) {
      const auto c = shape_of(graph, node.inputs[2]);
      if (!c || *c != Shape{weight->shape()[flag(node, "transB") ? 0 : 1]}) return refused("C is not one row");
      linear.inputs.push_back(node.inputs[2]);
    }
  }
  replace_node(graph, id, std::move(linear));
  return applied();
}

}  // namespace fovea::passes
