#include "quantize/select.h"

#include <algorithm>
#include <array>

namespace fovea::quantize {
namespace {

using Names = std::span<const std::string_view>;

/// They move values or choose among them: what they give has the scale of what they take.
constexpr std::array<std::string_view, 13> kMoves = {
    "Reshape", "Flatten", "Transpose",    "Squeeze",      "Unsqueeze", "Slice",    "Split",
    "MaxPool", "Concat",  "DepthToSpace", "SpaceToDepth", "Expand",    "Identity",
};
constexpr std::array<std::string_view, 20> kComputes = {
    "Add",  "Sub",  "Mul",       "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax",
    "Relu", "Clip", "LeakyRelu", "PRelu",       "HardSwish",         "HardSigmoid",   "Sigmoid",    "Tanh",
    "Elu",  "Gelu", "Mish",      "Swish",
};

bool contains(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

int64_t integer(const Node& node, std::string_view key, int64_t otherwise) {
  const auto* value = node.attribute<int64_t>(key);
  return value ? *value : otherwise;
}

float real(const Node& node, std::string_view key, float otherwise) {
  const auto* value = node.attribute<float>(key);
  return value ? *value : otherwise;
}

/// Resize keeps within its input's range; Pad does where it adds zeros or what is there already.
bool keeps_range(const Graph& graph, const Node& node) {
  if (node.is("Resize")) return true;
  if (!node.is("Pad")) return contains(kMoves, node.op_type);
  const auto* mode = node.attribute<std::string>("mode");
  if (mode != nullptr && *mode != "constant") return true;
  if (node.inputs.size() < 3 || node.inputs[2] == kNoValue) return true;
  const Tensor* value = graph.constant(node.inputs[2]);
  return value != nullptr && value->dtype() == DType::f32 && value->size() == 1 && value->data<float>()[0] == 0;
}

bool is_f32_constant(const Graph& graph, ValueId id) {
  const Tensor* t = graph.constant(id);
  return t != nullptr && t->dtype() == DType::f32;
}

class Selector {
 public:
  Selector(const Graph& graph, const SelectOptions& options) : graph_(graph), options_(options) {}

  Selection select() {
    for (NodeId id : graph_.order()) consider(id);
    prune();
    Selection selection;
    for (IntegerNode& node : nodes_) selection.nodes.push_back(std::move(node));
    for (const IntegerNode& node : selection.nodes) {
      for (const size_t at : node.inputs)
        selection.values[graph_.node(node.node).inputs[at]].users.emplace_back(node.node, at);
      for (const ValueId out : node.outputs) selection.values[out].from_integer = true;
    }
    for (const std::string& pattern : options_.exclude)
      if (std::ranges::none_of(graph_.order(), [&](NodeId id) { return named(pattern, id); }))
        selection.unmatched.push_back(pattern);
    return selection;
  }

 private:
  bool named(std::string_view pattern, NodeId id) const {
    const Node& node = graph_.node(id);
    return matches(pattern, node.name) || matches(pattern, node.op_type) ||
           (!node.outputs.empty() && node.outputs[0] != kNoValue &&
            matches(pattern, graph_.value(node.outputs[0]).name));
  }

  bool excluded(NodeId id) const {
    return options_.keep_float.contains(node_key(graph_, id)) ||
           std::ranges::any_of(options_.exclude, [&](const std::string& pattern) { return named(pattern, id); });
  }

  void consider(NodeId id) {
    const Node& node = graph_.node(id);
    if (!node.domain.empty() || taken_in_.contains(id) || excluded(id)) return;
    if (auto product = weighted(id))
      accept(std::move(*product), node.is("Conv"));
    else if (node.is("MatMul") && options_.attention && !graph_.constant(node.inputs[0]) &&
             !graph_.constant(node.inputs[1]))
      accept({.node = id, .inputs = {0, 1}}, false);
    else if (keeps_range(graph_, node) || contains(kComputes, node.op_type))
      consider_follower(id);
  }

  /// Conv, Gemm or MatMul with constant f32 weights, in a form that quantised runtimes know.
  std::optional<IntegerNode> weighted(NodeId id) const {
    const Node& node = graph_.node(id);
    const bool conv = node.is("Conv"), gemm = node.is("Gemm"), matmul = node.is("MatMul");
    if ((!conv && !gemm && !matmul) || node.inputs.size() < 2 || graph_.constant(node.inputs[0])) return std::nullopt;
    if (!is_f32_constant(graph_, node.inputs[1])) return std::nullopt;
    const Tensor& weight = *graph_.constant(node.inputs[1]);
    if (conv ? weight.rank() < 3 : weight.rank() != 2) return std::nullopt;
    if (weight.size() == 0) return std::nullopt;
    if (gemm && (integer(node, "transA", 0) != 0 || real(node, "alpha", 1) != 1)) return std::nullopt;
    IntegerNode result{.node = id, .inputs = {0}};
    result.weight = node.inputs[1];
    result.weight_axis = conv || integer(node, "transB", 0) != 0 ? 0 : 1;
    const ValueId bias = node.inputs.size() > 2 ? node.inputs[2] : kNoValue;
    const int64_t channels = weight.shape()[static_cast<size_t>(result.weight_axis)];
    const auto lies_flat = [&](const Shape& shape) { return shape == Shape{channels} || shape == Shape{1, channels}; };
    if (is_f32_constant(graph_, bias) && lies_flat(graph_.constant(bias)->shape()) &&
        (conv || real(node, "beta", 1) == 1))
      result.bias = bias;
    return result;
  }

  bool from_integer(ValueId id) const { return stored_.contains(id); }

  void consider_follower(NodeId id) {
    const Node& node = graph_.node(id);
    IntegerNode result{.node = id};
    result.same_scale = keeps_range(graph_, node);
    const bool sums = node.is("Add") || node.is("Sub") || node.is("Mul") || node.is("Concat");
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId in = node.inputs[i];
      if (in == kNoValue) continue;
      if (!sums && i > 0) continue;  // axes, shapes, limits
      if (!from_integer(in)) return;
      result.inputs.push_back(i);
    }
    if (result.inputs.empty() || (node.is("MaxPool") && node.outputs.size() > 1)) return;
    accept(std::move(result), true);
  }

  /// `stores`: the result becomes int8.
  void accept(IntegerNode node, bool stores) {
    if (stores)
      for (const ValueId out : graph_.node(node.node).outputs) {
        if (out == kNoValue) continue;
        ValueId stored = out;
        if (!node.same_scale && graph_.node(node.node).outputs.size() == 1) stored = behind_activation(node, out);
        if (graph_.is_output(stored)) continue;
        node.outputs.push_back(stored);
        stored_.insert(stored);
      }
    nodes_.push_back(std::move(node));
  }

  /// The result of the Relu or Clip that alone uses `out`, which the node then takes in; else `out`.
  ValueId behind_activation(IntegerNode& node, ValueId out) {
    const Node& self = graph_.node(node.node);
    if (self.is("Relu") || self.is("Clip") || graph_.is_output(out) || graph_.users(out).size() != 1) return out;
    const NodeId next = graph_.users(out)[0];
    const Node& activation = graph_.node(next);
    const bool fits = activation.is("Relu") || (activation.is("Clip") && activation.inputs[0] == out);
    if (!fits || excluded(next)) return out;
    taken_in_.insert(next);
    node.activation = next;
    return activation.outputs[0];
  }

  /// Leaves out followers whose result nobody takes as int8, from the last to the first.
  void prune() {
    std::set<ValueId> taken;
    std::vector<IntegerNode> kept;
    for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
      const Node& node = graph_.node(it->node);
      const bool product = it->weighted() || node.is("MatMul");
      if (!product && std::ranges::none_of(it->outputs, [&](ValueId out) { return taken.contains(out); })) continue;
      for (const size_t at : it->inputs) taken.insert(node.inputs[at]);
      kept.push_back(std::move(*it));
    }
    std::ranges::reverse(kept);
    nodes_ = std::move(kept);
  }

  const Graph& graph_;
  const SelectOptions& options_;
  std::vector<IntegerNode> nodes_;
  std::set<ValueId> stored_;
  std::set<NodeId> taken_in_;
};

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string node_key(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.name.empty()) return node.name;
  return node.outputs.empty() || node.outputs[0] == kNoValue ? node.op_type : graph.value(node.outputs[0]).name;
}

Selection select(const Graph& graph, const SelectOptions& options) { return Selector(graph, options).select(); }

}  // namespace fovea::quantize
