// fovea.QBinary(P(x), row or residual), fovea.QLookup(P(x)) -> P with that behind it, where P is fovea.QConv or
// fovea.QMatMul
//
// The quantisation between the two stays, as the graph asks for it; but its levels do not go through memory.
#include "ops/fovea_q_epilogue.h"
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

using Operand = ops::QEpilogue::Operand;

/// The product that makes these bytes for one user alone, and can take more behind it.
NodeId product_of(const Graph& graph, ValueId value) {
  if (value == kNoValue || graph.value(value).type.dtype != DType::u8 || !used_once(graph, value)) return kNoNode;
  const NodeId id = graph.value(value).producer;
  if (id == kNoNode) return kNoNode;
  const Node& node = graph.node(id);
  if (!node.is("QConv", "fovea") && !node.is("QMatMul", "fovea")) return kNoNode;
  const bool open = !has(node, Operand::kYLevels) && !has(node, Operand::kTable) && !has(node, Operand::kResidual) &&
                    !node.attributes.contains("activation") && !node.attributes.contains("y_factor") &&
                    !node.attributes.contains("inner_scale");
  return open ? id : kNoNode;
}

/// The result's levels become those of a stage ("row" or "inner"), which is read with this scale.
void make_stage(Node& product, const std::string& name, float scale) {
  for (const auto& [from, to] : {std::pair("y_zero", "_zero"), std::pair("low", "_low"), std::pair("high", "_high")})
    if (const auto* value = product.attribute<int64_t>(from)) product.attributes[name + to] = *value;
  product.attributes[name + "_scale"] = scale;
}

/// Absent operands at the end are not named.
void drop_absent(Node& product) {
  while (product.inputs.back() == kNoValue) product.inputs.pop_back();
}

/// How the sum is quantised.
void take_output(Node& product, const Node& from) {
  for (const char* key : {"y_zero", "low", "high"}) {
    product.attributes.erase(key);
    if (const auto* value = from.attribute<int64_t>(key)) product.attributes[key] = *value;
  }
}

/// A constant row for each row of the result; nullptr for others.
const Tensor* row_of(const Graph& graph, ValueId value, int64_t columns) {
  const Tensor* t = graph.constant(value);
  return t != nullptr && t->dtype() == DType::f32 && t->rank() > 0 && t->size() == columns &&
                 t->shape().back() == columns
             ? t
             : nullptr;
}

Outcome fuse_sum(Graph& graph, NodeId id) {
  const Node sum = graph.node(id);
  const auto* kind = sum.attribute<std::string>("kind");
  const auto shape = shape_of(graph, sum.outputs[0]);
  if (kind == nullptr || *kind != "add" || graph.value(sum.outputs[0]).type.dtype != DType::u8 || !shape ||
      shape->empty())
    return no_match();
  const auto real = [&](const char* key) {
    const auto* value = sum.attribute<float>(key);
    return value != nullptr ? *value : 1.0f;
  };
  Outcome result = no_match();
  for (const size_t side : {0, 1}) {
    const NodeId found = product_of(graph, sum.inputs[side]);
    const ValueId other = sum.inputs[1 - side];
    if (found == kNoNode) continue;
    const float own = real(side == 0 ? "a_factor" : "b_factor"), others = real(side == 0 ? "b_factor" : "a_factor");
    if (own == 0) continue;
    if (shape_of(graph, sum.inputs[side]) != shape) {
      result = refused("the sum is larger than the product");
      continue;
    }
    Node product = graph.node(found);
    product.inputs.resize(Operand::kOperands, kNoValue);
    if (const Tensor* row = row_of(graph, other, shape->back()); row != nullptr && !has(product, Operand::kRow)) {
      std::vector<float> scaled;
      for (const float v : row->values<float>()) scaled.push_back(v * others);
      product.inputs[Operand::kRow] = graph.add_constant("row", Tensor::of({shape->back()}, scaled));
      make_stage(product, "row", own);
    } else if (shape_of(graph, other) == shape && graph.value(other).type.dtype == DType::u8) {
      product.inputs[Operand::kResidual] = other;
      product.attributes["residual_scale"] = others;
      const auto* zero = sum.attribute<int64_t>(side == 0 ? "b_zero" : "a_zero");
      product.attributes["residual_zero"] = zero != nullptr ? *zero : int64_t{0};
      make_stage(product, "inner", own);
    } else {
      result = refused("neither a row nor bytes of the product's shape");
      continue;
    }
    take_output(product, sum);
    drop_absent(product);
    replace_node(graph, id, std::move(product));
    return applied();
  }
  return result;
}

}  // namespace

Outcome fuse_quantized_chain(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.is("QBinary", "fovea")) return fuse_sum(graph, id);
  if (!node.is("QLookup", "fovea") || graph.value(node.outputs[0]).type.dtype != DType::u8) return no_match();
  // A product with a residual takes a table all the same.
  const NodeId producer = used_once(graph, node.inputs[0]) ? graph.value(node.inputs[0]).producer : kNoNode;
  if (producer == kNoNode) return no_match();
  Node product = graph.node(producer);
  if ((!product.is("QConv", "fovea") && !product.is("QMatMul", "fovea")) || has(product, Operand::kTable) ||
      graph.value(node.inputs[0]).type.dtype != DType::u8)
    return no_match();
  if (shape_of(graph, node.inputs[1]) != Shape{256}) return refused("a table for each channel");
  product.inputs.resize(Operand::kOperands, kNoValue);
  product.inputs[Operand::kTable] = node.inputs[1];
  drop_absent(product);
  replace_node(graph, id, std::move(product));
  return applied();
}

}  // namespace fovea::passes
