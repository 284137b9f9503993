// Clip(QuantizeLinear(x)) over bytes -> QuantizeLinear(Clip(x))
//
// PyTorch's exporter writes it for ranges such as 0 to 127. The same to the bit: rounding keeps the order, and a bound
// divided by the scale is its level again.
#include <algorithm>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// A bound of the Clip as a number of bytes; `otherwise` where it is absent, nullopt where it is not known.
std::optional<int32_t> bound(const Graph& graph, const Node& clip, size_t operand, int32_t otherwise) {
  if (operand >= clip.inputs.size() || clip.inputs[operand] == kNoValue) return otherwise;
  const Tensor* t = graph.constant(clip.inputs[operand]);
  if (t == nullptr || t->size() != 1) return std::nullopt;
  if (t->dtype() == DType::u8) return t->data<uint8_t>()[0];
  if (t->dtype() == DType::i8) return t->data<int8_t>()[0];
  return std::nullopt;
}

}  // namespace

Outcome clip_quantized(Graph& graph, NodeId id) {
  const Node clip = graph.node(id);
  const NodeId producer = clip.is("Clip") ? graph.value(clip.inputs[0]).producer : kNoNode;
  const auto q = quantiser(graph, producer);
  if (!q) return no_match();
  if (!used_once(graph, clip.inputs[0])) return refused("the bytes are used elsewhere, too");
  if (q->scale[0] <= 0) return refused("a negative scale");
  const int32_t least = q->dtype == DType::u8 ? 0 : -128, most = least + 255;
  auto low = bound(graph, clip, 1, least);
  const auto high = bound(graph, clip, 2, most);
  if (!low || !high) return refused("bounds that are not known");
  low = std::min(*low, *high);  // where they cross, all is the upper one
  Node inner = clip, outer = graph.node(producer);
  const auto real = [&](int32_t level) { return Tensor::scalar(static_cast<float>(level - q->zero[0]) * q->scale[0]); };
  inner.inputs = {outer.inputs[0], kNoValue, kNoValue};
  // A bound at the end of all bytes bounds nothing; a real number would be cut for nothing.
  if (*low > least) inner.inputs[1] = graph.add_constant("low", real(*low));
  if (*high < most) inner.inputs[2] = graph.add_constant("high", real(*high));
  if (*low > least || *high < most)
    outer.inputs[0] = insert_node(graph, id, std::move(inner), graph.value(outer.inputs[0]).type);
  replace_node(graph, id, std::move(outer));
  return applied();
}

}  // namespace fovea::passes
