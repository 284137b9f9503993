// QLinearConv, QLinearMatMul, com.microsoft.QGemm, QLinearAdd, ... -> QuantizeLinear(op(DequantizeLinear(x), ...))
//
// One form for all quantised graphs: what follows fuses it again, together with what stands around.
#include "ops/quantised_form.h"
#include "passes/catalogue.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// A bias of whole numbers as floats; kNoValue where it, or a scale, is not known.
ValueId known_bias(Graph& graph, const Node& node, const ops::QuantisedForm& form) {
  const Tensor* bias = graph.constant(node.inputs[*form.bias]);
  const Tensor* a = graph.constant(node.inputs[form.operands[0].scale]);
  const Tensor* b = graph.constant(node.inputs[form.operands[1].scale]);
  if (bias == nullptr || a == nullptr || b == nullptr || bias->dtype() != DType::i32 || a->dtype() != DType::f32 ||
      b->dtype() != DType::f32 || a->size() != 1 || (b->size() != 1 && b->size() != bias->size()))
    return kNoValue;
  std::vector<float> floats;
  for (int64_t i = 0; i < bias->size(); ++i)
    floats.push_back(
        static_cast<float>(static_cast<double>(bias->data<int32_t>()[i]) * static_cast<double>(a->data<float>()[0]) *
                           static_cast<double>(b->data<float>()[b->size() == 1 ? 0 : i])));
  return graph.add_constant(graph.value(node.inputs[*form.bias]).name, Tensor::of(bias->shape(), floats));
}

/// A scale or zero point as DequantizeLinear wants it: one number is a scalar.
ValueId as_parameter(Graph& graph, ValueId value) {
  const Tensor* t = graph.constant(value);
  if (t == nullptr || t->size() != 1 || t->rank() == 0) return value;
  return graph.add_constant(graph.value(value).name, t->reshaped({}));
}

}  // namespace

Outcome expand_quantised(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  auto form = ops::quantised_form(node);
  if (!form) return no_match();
  const auto given = [&](size_t i) { return i < node.inputs.size() ? node.inputs[i] : kNoValue; };
  ValueId bias = kNoValue;
  if (form->bias && (bias = known_bias(graph, node, *form)) == kNoValue) return refused("a bias that is not known");
  for (const auto& o : form->operands)
    if (graph.constant(given(o.scale)) == nullptr) return refused("scales that are not known");
  constexpr int kOpset = 21;
  const ValueType real{DType::f32, std::nullopt};
  for (const auto& o : form->operands) {
    Node dequantize;
    dequantize.name = node.name;
    dequantize.op_type = "DequantizeLinear";
    dequantize.opset = kOpset;
    dequantize.attributes["axis"] = o.axis;
    dequantize.inputs = {given(o.x), as_parameter(graph, given(o.scale)), as_parameter(graph, given(o.zero))};
    form->inner.inputs.push_back(insert_node(graph, id, std::move(dequantize), real));
  }
  if (form->bias) form->inner.inputs.push_back(bias);
  const ValueId scale = given(form->y_scale), zero = given(form->y_zero);
  if (scale == kNoValue) {
    replace_node(graph, id, std::move(form->inner));
    return applied();
  }
  Node quantize;
  quantize.name = node.name;
  quantize.op_type = "QuantizeLinear";
  quantize.opset = kOpset;
  const ValueId result = insert_node(graph, id, std::move(form->inner), real);
  quantize.inputs = {result, as_parameter(graph, scale), as_parameter(graph, zero)};
  replace_node(graph, id, std::move(quantize));
  return applied();
}

}  // namespace fovea::passes
