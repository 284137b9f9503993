// P(x) * c -> P'(x) where P is Conv, MatMul or Gemm with constant weights and c one number for each of its channels
//
//     Conv(x, W, B) * c                   LayerScale, frozen batch norm
//     (MatMul(x, W) + b) * c              the same behind a linear layer
//     Transpose(MatMul(x, W) + b) * c     ConvNeXt: the layer works channels last, the scale channels first
#include <algorithm>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// One number for each channel, or one for all; the channels lie along one axis, counted from the end (1: the last).
struct Factors {
  std::vector<float> values;
  int64_t from_end = 0;  // 0: one number for all

  float at(int64_t channel) const { return values[values.size() == 1 ? 0 : static_cast<size_t>(channel)]; }
};

std::optional<Factors> factors_of(const Graph& graph, ValueId value) {
  const Tensor* t = graph.constant(value);
  if (t == nullptr || t->dtype() != DType::f32 || t->size() == 0) return std::nullopt;
  Factors factors;
  for (int64_t d = 0; d < t->rank(); ++d) {
    if (t->shape()[static_cast<size_t>(d)] == 1) continue;
    if (factors.from_end != 0) return std::nullopt;  // two axes along which it changes
    factors.from_end = t->rank() - d;
  }
  factors.values.assign(t->data<float>(), t->data<float>() + t->size());
  return factors;
}

/// The nodes between the product and the multiplication, the multiplication's own neighbour first, the product last.
struct Chain {
  std::vector<NodeId> nodes;
  std::vector<Factors> scales;  // what each node's result is to be multiplied by
};

int64_t rank_of(const Graph& graph, ValueId value) {
  const auto& shape = graph.value(value).type.shape;
  return shape ? static_cast<int64_t>(shape->size()) : -1;
}

bool is_product(const Node& node) { return node.is("Conv") || node.is("MatMul") || node.is("Gemm"); }

/// Walks from the multiplication's operand to a product; an empty chain where there is none.
Chain walk(const Graph& graph, ValueId value, Factors factors) {
  constexpr size_t kMostNodes = 4;
  Chain chain;
  while (chain.nodes.size() < kMostNodes) {
    const NodeId id = graph.value(value).producer;
    if (id == kNoNode || !used_once(graph, value)) return {};
    const Node& node = graph.node(id);
    chain.nodes.push_back(id);
    chain.scales.push_back(factors);
    if (is_product(node)) return chain;
    if (node.is("Transpose")) {
      const auto* perm = node.attribute<std::vector<int64_t>>("perm");
      const auto rank = perm == nullptr ? 0 : static_cast<int64_t>(perm->size());
      if (factors.from_end > rank) return {};
      if (factors.from_end != 0) factors.from_end = rank - (*perm)[static_cast<size_t>(rank - factors.from_end)];
      value = node.inputs[0];
    } else if (node.is("Add") && node.inputs.size() == 2) {
      const bool first = graph.constant(node.inputs[0]) != nullptr;
      const auto bias = factors_of(graph, node.inputs[first ? 0 : 1]);
      if (!bias) return {};
      if (bias->from_end != 0 && factors.from_end != 0 &&
          (bias->from_end != factors.from_end || bias->values.size() != factors.values.size()))
        return {};
      value = node.inputs[first ? 1 : 0];
      // A sum that broadcasts the product is no bias.
      if (rank_of(graph, value) < 0 || rank_of(graph, value) != rank_of(graph, node.outputs[0])) return {};
    } else {
      return {};
    }
  }
  return {};
}

/// b * c, laid out along the channels' axis.
std::optional<Tensor> scaled_bias(const Factors& bias, const Factors& c) {
  const Factors& longer = bias.values.size() > c.values.size() ? bias : c;
  const auto count = static_cast<int64_t>(longer.values.size());
  Shape shape(static_cast<size_t>(std::max<int64_t>(longer.from_end, 1)), 1);
  shape[0] = count;
  auto made = Tensor::allocate(DType::f32, shape);
  if (!made.ok()) return std::nullopt;
  for (int64_t i = 0; i < count; ++i) made->mutable_view().as<float>()[i] = bias.at(i) * c.at(i);
  return std::move(made).value();
}

/// The product with the factors in its weights and bias; a reason where that cannot be.
std::string scale_product(Graph& graph, Node& product, const Factors& c, int64_t rank) {
  const Tensor* weight = graph.constant(product.inputs[1]);
  if (weight == nullptr || weight->dtype() != DType::f32) return "no constant f32 weight";
  const bool conv = product.is("Conv"), gemm = product.is("Gemm");
  if (conv ? weight->rank() < 3 : weight->rank() != 2) return "a weight of another rank";
  const auto* transposed = product.attribute<int64_t>("transB");
  const bool by_rows = conv || (gemm && transposed != nullptr && *transposed != 0);
  const int64_t channels = weight->shape()[by_rows ? 0 : 1];
  const int64_t axis_from_end = conv ? weight->rank() - 1 : 1;
  if (c.from_end != 0 && (c.from_end != axis_from_end || static_cast<int64_t>(c.values.size()) != channels))
    return "the factors are not one for each channel";
  if (rank >= 0 && c.from_end > rank) return "the factors have more axes than the product";
  const bool biased = product.inputs.size() > 2 && product.inputs[2] != kNoValue;
  const Tensor* bias = biased ? graph.constant(product.inputs[2]) : nullptr;
  if (biased && (bias == nullptr || bias->dtype() != DType::f32 || bias->rank() != 1 || bias->size() != channels))
    return "a bias that is not one constant number for each channel";

  auto scaled = Tensor::allocate(DType::f32, weight->shape());
  if (!scaled.ok()) return "no memory for the folded weight";
  auto* to = scaled->mutable_view().as<float>();
  const auto* from = weight->data<float>();
  const int64_t each = channels == 0 ? 0 : weight->size() / channels;
  for (int64_t i = 0; i < weight->size(); ++i) to[i] = from[i] * c.at(by_rows ? i / each : i % channels);
  // New constants move the old ones: the bias is done with first.
  if (biased) {
    std::vector<float> values(bias->data<float>(), bias->data<float>() + channels);
    for (size_t i = 0; i < values.size(); ++i) values[i] *= c.at(static_cast<int64_t>(i));
    product.inputs[2] = graph.add_constant(graph.value(product.inputs[2]).name, Tensor::of({channels}, values));
  }
  product.inputs[1] = graph.add_constant(graph.value(product.inputs[1]).name, std::move(scaled).value());
  return {};
}

}  // namespace

Outcome fold_scale(Graph& graph, NodeId id) {
  const Node& mul = graph.node(id);
  if (!mul.is("Mul") || mul.inputs.size() != 2) return no_match();
  const size_t side = graph.constant(mul.inputs[0]) != nullptr ? 1 : 0;
  const auto factors = factors_of(graph, mul.inputs[1 - side]);
  if (!factors || mul.inputs[side] == kNoValue) return no_match();
  const Chain chain = walk(graph, mul.inputs[side], *factors);
  if (chain.nodes.empty()) return no_match();
  const ValueId operand = mul.inputs[side];
  const int64_t rank = rank_of(graph, operand);
  if (rank < 0 || graph.constant(mul.inputs[1 - side])->rank() > rank)
    return refused("the product's rank is not known");

  Node product = graph.node(chain.nodes.back());
  const std::string reason = scale_product(graph, product, chain.scales.back(), rank);
  if (!reason.empty()) return refused(reason);
  ValueId made = kNoValue;
  for (size_t i = chain.nodes.size(); i-- > 0;) {
    Node node = i + 1 == chain.nodes.size() ? product : graph.node(chain.nodes[i]);
    if (node.is("Add")) {
      const size_t constant = graph.constant(node.inputs[0]) != nullptr ? 0 : 1;
      const auto bias = factors_of(graph, node.inputs[constant]);
      auto scaled = scaled_bias(*bias, chain.scales[i]);
      if (!scaled) return refused("no memory for the folded bias");
      node.inputs = {made, graph.add_constant(graph.value(node.inputs[constant]).name, std::move(*scaled))};
    } else if (node.is("Transpose")) {
      node.inputs = {made};
    }
    const ValueType type = graph.value(node.outputs[0]).type;
    if (i > 0)
      made = insert_node(graph, id, std::move(node), type);
    else
      replace_node(graph, id, std::move(node));
  }
  return applied();
}

}  // namespace fovea::passes
