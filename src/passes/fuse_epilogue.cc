// act(P(x)), P(x) + bias, P(x) + residual where P is fovea.Conv or fovea.MatMul -> P with that in its epilogue
#include <algorithm>
#include <limits>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

enum Operand : size_t { kInput, kWeight, kBias, kResidual };

bool has_activation(const Node& node) { return node.attributes.contains("activation"); }

/// The product that makes this value for one user alone; kNoNode where there is none.
NodeId product_of(const Graph& graph, ValueId value) {
  if (value == kNoValue || !used_once(graph, value)) return kNoNode;
  const NodeId id = graph.value(value).producer;
  if (id == kNoNode) return kNoNode;
  const Node& node = graph.node(id);
  return node.is("Conv", "fovea") || node.is("MatMul", "fovea") ? id : kNoNode;
}

/// Writes the activation that a node is into the product's attributes; false where kernels have none.
bool carry(const Graph& graph, const Node& node, Node& product) {
  constexpr std::string_view kPlain[] = {"Relu", "HardSwish", "Sigmoid", "Tanh"};
  const auto real = [&](std::string_view key, float otherwise) {
    const auto* value = node.attribute<float>(key);
    return value ? *value : otherwise;
  };
  const auto set = [&](std::string_view name, float alpha, float beta) {
    product.attributes["activation"] = std::string(name);
    product.attributes["alpha"] = alpha;
    product.attributes["beta"] = beta;
    return true;
  };
  if (!node.domain.empty()) return false;
  if (std::ranges::find(kPlain, node.op_type) != std::ranges::end(kPlain)) return set(node.op_type, 0, 0);
  if (node.op_type == "Swish") return set("Swish", real("alpha", 1), 0);
  if (node.op_type == "LeakyRelu") return set("LeakyRelu", real("alpha", 0.01f), 0);
  if (node.op_type == "HardSigmoid") return set("HardSigmoid", real("alpha", 0.2f), real("beta", 0.5f));
  if (node.op_type == "Gelu") {
    const auto* approximate = node.attribute<std::string>("approximate");
    return set(approximate && *approximate == "tanh" ? "GeluTanh" : "Gelu", 0, 0);
  }
  if (node.op_type == "Clip") {
    float bounds[] = {real("min", std::numeric_limits<float>::lowest()),
                      real("max", std::numeric_limits<float>::max())};
    for (size_t i = 1; i < 3; ++i) {
      if (!has(node, i)) continue;
      const auto bound = number(graph, node.inputs[i]);
      if (!bound) return false;
      bounds[i - 1] = *bound;
    }
    return set("Clip", bounds[0], bounds[1]);
  }
  return false;
}

/// A constant that adds the same row to each row of the product's result: one number for each column.
std::optional<Tensor> as_bias(const Graph& graph, ValueId value, int64_t columns) {
  const Tensor* t = graph.constant(value);
  if (t == nullptr || t->dtype() != DType::f32 || t->rank() == 0 || t->size() != columns ||
      t->shape().back() != columns)
    return std::nullopt;
  return t->reshaped({columns});
}

Outcome fuse_add(Graph& graph, NodeId id) {
  const Node& add = graph.node(id);
  const auto shape = shape_of(graph, add.outputs[0]);
  if (!shape || shape->empty()) return no_match();
  Outcome result = no_match();
  for (const size_t side : {0, 1}) {
    const NodeId product = product_of(graph, add.inputs[side]);
    const ValueId other = add.inputs[1 - side];
    if (product == kNoNode || other == kNoValue) continue;
    if (shape_of(graph, add.inputs[side]) != shape) {
      result = refused("the sum is larger than the product");
      continue;
    }
    Node fused = graph.node(product);
    if (fused.name.empty()) fused.name = add.name;
    fused.inputs.resize(std::max<size_t>(fused.inputs.size(), 4), kNoValue);
    const bool untouched = !has_activation(fused) && !has(fused, kResidual);
    if (const auto bias = as_bias(graph, other, shape->back()); bias && untouched && !has(fused, kBias)) {
      fused.inputs[kBias] = graph.add_constant(graph.value(other).name, *bias);
    } else if (!has(fused, kResidual) && shape_of(graph, other) == shape && is_f32(graph, other)) {
      // Depthwise kernels have no residual: their sums are a few products, not worth a fused addition.
      const auto* group = fused.attribute<int64_t>("group");
      if (group != nullptr && *group > 1 && graph.constant(fused.inputs[kWeight]) != nullptr &&
          graph.constant(fused.inputs[kWeight])->shape()[1] == 1) {
        result = refused("a depthwise convolution");
        continue;
      }
      fused.inputs[kResidual] = other;
      if (has_activation(fused)) fused.attributes["residual_last"] = int64_t{1};
    } else {
      result = refused("neither a bias nor a residual that the epilogue has room for");
      continue;
    }
    replace_node(graph, id, std::move(fused));
    return applied();
  }
  return result;
}

}  // namespace

Outcome fuse_epilogue(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.is("Add") && node.inputs.size() == 2) return fuse_add(graph, id);
  if (node.inputs.empty() || node.outputs.size() != 1) return no_match();
  const NodeId product = product_of(graph, node.inputs[0]);
  if (product == kNoNode) return no_match();
  Node fused = graph.node(product);
  if (!carry(graph, node, fused)) return no_match();
  if (has_activation(graph.node(product))) return refused("it has an activation already");
  replace_node(graph, id, std::move(fused));
  return applied();
}

}  // namespace fovea::passes
