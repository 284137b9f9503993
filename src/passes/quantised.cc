#include "passes/quantised.h"

#include <algorithm>
#include <cmath>

#include "ops/onnx_dtype.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

bool is_byte(DType dtype) { return dtype == DType::u8 || dtype == DType::i8; }

/// Scales and zero points of a Q or DQ node, whose inputs 1 and 2 they are; `bytes` is the quantised dtype.
std::optional<Quantisation> parameters(const Graph& graph, const Node& node, DType bytes) {
  const auto* block = node.attribute<int64_t>("block_size");
  if (block != nullptr && *block != 0) return std::nullopt;
  const Tensor* scale = graph.constant(node.inputs[1]);
  if (scale == nullptr || scale->dtype() != DType::f32 || scale->rank() > 1 || scale->size() == 0) return std::nullopt;
  Quantisation q;
  q.dtype = bytes;
  q.scale.assign(scale->data<float>(), scale->data<float>() + scale->size());
  if (!std::ranges::all_of(q.scale, [](float s) { return std::isnormal(s); })) return std::nullopt;
  q.zero.assign(q.scale.size(), 0);
  if (node.inputs.size() > 2 && node.inputs[2] != kNoValue) {
    const Tensor* zero = graph.constant(node.inputs[2]);
    if (zero == nullptr || zero->dtype() != bytes || zero->size() != scale->size()) return std::nullopt;
    for (size_t i = 0; i < q.zero.size(); ++i)
      q.zero[i] = bytes == DType::u8 ? int32_t{zero->data<uint8_t>()[i]} : int32_t{zero->data<int8_t>()[i]};
  }
  if (!q.per_tensor()) {
    const auto* axis = node.attribute<int64_t>("axis");
    const auto shape = shape_of(graph, node.inputs[0]);
    if (!shape) return std::nullopt;
    q.axis = axis != nullptr ? *axis : 1;
    if (q.axis < 0) q.axis += static_cast<int64_t>(shape->size());
  }
  return q;
}

}  // namespace

std::optional<Dequantised> dequantised(const Graph& graph, ValueId value) {
  if (value == kNoValue || !is_f32(graph, value)) return std::nullopt;
  const NodeId producer = graph.value(value).producer;
  if (producer == kNoNode || !graph.node(producer).is("DequantizeLinear")) return std::nullopt;
  const Node& node = graph.node(producer);
  const auto dtype = graph.value(node.inputs[0]).type.dtype;
  if (!dtype || !is_byte(*dtype)) return std::nullopt;
  auto q = parameters(graph, node, *dtype);
  return q ? std::optional(Dequantised{node.inputs[0], std::move(*q)}) : std::nullopt;
}

std::optional<Dequantised> dequantised_tensor(const Graph& graph, ValueId value) {
  auto d = dequantised(graph, value);
  return d && d->q.per_tensor() ? d : std::nullopt;
}

std::optional<DynamicallyDequantised> dequantised_dynamically(const Graph& graph, ValueId value) {
  if (value == kNoValue || !is_f32(graph, value)) return std::nullopt;
  const NodeId producer = graph.value(value).producer;
  if (producer == kNoNode || !graph.node(producer).is("DequantizeLinear")) return std::nullopt;
  const Node& node = graph.node(producer);
  if (node.inputs.size() < 3 || node.inputs[2] == kNoValue || graph.constant(node.inputs[1]) != nullptr)
    return std::nullopt;
  const auto scale = shape_of(graph, node.inputs[1]), zero = shape_of(graph, node.inputs[2]);
  const bool one = scale && zero && element_count(*scale) == 1 && element_count(*zero) == 1;
  if (!one || graph.value(node.inputs[0]).type.dtype != DType::u8 || !is_f32(graph, node.inputs[1]))
    return std::nullopt;
  return DynamicallyDequantised{node.inputs[0], node.inputs[1], node.inputs[2]};
}

std::optional<Quantisation> any_quantiser(const Graph& graph, NodeId id) {
  if (id == kNoNode || !graph.node(id).is("QuantizeLinear")) return std::nullopt;
  const Node& node = graph.node(id);
  const auto* precision = node.attribute<int64_t>("precision");
  const auto dtype = graph.value(node.outputs[0]).type.dtype;
  if (!is_f32(graph, node.inputs[0]) || !dtype || !is_byte(*dtype) || (precision != nullptr && *precision > 1))
    return std::nullopt;
  return parameters(graph, node, *dtype);
}

std::optional<Quantisation> quantiser(const Graph& graph, NodeId id) {
  auto q = any_quantiser(graph, id);
  return q && q->per_tensor() ? q : std::nullopt;
}

NodeId only_quantiser(const Graph& graph, ValueId value) {
  if (!used_once(graph, value)) return kNoNode;
  const NodeId user = graph.users(value)[0];
  return graph.node(user).inputs[0] == value && any_quantiser(graph, user) ? user : kNoNode;
}

bool moves_elements(const Node& node) {
  constexpr std::string_view kMoves[] = {"Expand",  "Flatten", "Gather",    "Identity", "Reshape",
                                         "Squeeze", "Slice",   "Transpose", "Unsqueeze"};
  return node.domain.empty() && node.outputs.size() == 1 && std::ranges::find(kMoves, node.op_type) != std::end(kMoves);
}

namespace {

/// Whether the value is what a DequantizeLinear made, moved about at most.
bool leads_from_bytes(const Graph& graph, ValueId value) {
  for (int moves = 0; moves < 4; ++moves) {
    const NodeId producer = graph.value(value).producer;
    if (producer == kNoNode) return false;
    if (graph.node(producer).is("DequantizeLinear")) return true;
    if (!moves_elements(graph.node(producer)) && !graph.node(producer).is("MaxPool")) return false;
    value = graph.node(producer).inputs[0];
  }
  return false;
}

/// Whether a Transpose turns a matrix round.
bool turns_matrix(const Node& node) {
  const auto* perm = node.attribute<std::vector<int64_t>>("perm");
  return node.is("Transpose") && (perm == nullptr || *perm == std::vector<int64_t>{1, 0});
}

/// Whether a product of bytes takes the value as its weight; or its transpose, which is `turned`.
bool weighs_bytes(const Graph& graph, ValueId weight, bool may_turn, bool turned = false) {
  return std::ranges::any_of(graph.users(weight), [&](NodeId id) {
    const Node& user = graph.node(id);
    if (turns_matrix(user)) return may_turn && !turned && weighs_bytes(graph, user.outputs[0], true, true);
    const bool product = (user.is("Conv") && !turned) || user.is("MatMul") || user.is("Gemm");
    return product && user.inputs[1] == weight && leads_from_bytes(graph, user.inputs[0]);
  });
}

}  // namespace

bool weighs_bytes(const Graph& graph, const Node& node) {
  if (!node.is("DequantizeLinear")) return false;
  const Tensor* bytes = graph.constant(node.inputs[0]);
  if (bytes == nullptr || bytes->rank() < 2 || (bytes->dtype() != DType::i8 && bytes->dtype() != DType::u8))
    return false;
  const auto* block = node.attribute<int64_t>("block_size");
  return weighs_bytes(graph, node.outputs[0], bytes->rank() == 2 && (block == nullptr || *block == 0));
}

namespace {

bool leads_to_products(const Graph& graph, ValueId weight, bool may_turn) {
  const std::vector<NodeId>& users = graph.users(weight);
  if (users.empty() || graph.is_output(weight)) return false;
  return std::ranges::all_of(users, [&](NodeId id) {
    const Node& user = graph.node(id);
    if (user.is("Transpose")) return may_turn && leads_to_products(graph, user.outputs[0], false);
    return (user.is("MatMul") || user.is("Gemm")) && user.inputs[1] == weight &&
           std::ranges::count(user.inputs, weight) == 1;
  });
}

}  // namespace

bool leads_to_products(const Graph& graph, ValueId weight) { return leads_to_products(graph, weight, true); }

bool widens_weight(const Graph& graph, const Node& node) {
  const bool dequantize = node.is("DequantizeLinear");
  if (!dequantize && !node.is("Cast")) return false;
  const Tensor* weight = graph.constant(node.inputs[0]);
  if (weight == nullptr || weight->rank() != 2 || !leads_to_products(graph, node.outputs[0])) return false;
  if (!dequantize) {
    const auto* to = node.attribute<int64_t>("to");
    return to != nullptr && *to == ops::dtype_to_onnx(DType::f32) &&
           (weight->dtype() == DType::f16 || weight->dtype() == DType::bf16);
  }
  if (!is_byte(weight->dtype()) || node.attributes.contains("output_dtype")) return false;
  const Tensor* scale = graph.constant(node.inputs[1]);
  if (scale == nullptr || scale->dtype() != DType::f32) return false;
  if (node.inputs.size() < 3 || node.inputs[2] == kNoValue) return true;
  const Tensor* zero = graph.constant(node.inputs[2]);
  return zero != nullptr && zero->dtype() == weight->dtype();
}

}  // namespace fovea::passes
