#include "quantize/correct_bias.h"

#include "base/error.h"

namespace fovea::quantize {
namespace {

/// (W' - W) E[x], one number for each output channel; empty where the means do not fit the weight.
Result<std::vector<double>> shift_of(const Tensor& weight, const IntegerNode& node, bool conv, int64_t group,
                                     std::span<const float> least, const std::vector<double>& means) {
  const QuantizedWeight stored = FOVEA_TRY(quantize_weight(weight, node.weight_axis, least));
  const Shape& shape = weight.shape();
  const int64_t outputs = shape[static_cast<size_t>(node.weight_axis)];
  std::vector<double> shift(static_cast<size_t>(outputs), 0);
  const float* w = weight.data<float>();
  const auto* q = stored.values.data<int8_t>();
  const auto error = [&](int64_t i, int64_t output) {
    return static_cast<double>(q[i]) * static_cast<double>(stored.scales.data<float>()[output]) -
           static_cast<double>(w[i]);
  };
  if (conv) {
    const int64_t inputs = shape[1], each = weight.size() / (outputs * inputs);
    if (static_cast<int64_t>(means.size()) != inputs * group || outputs % group != 0) return std::vector<double>();
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t c = 0; c < inputs; ++c)
        for (int64_t k = 0; k < each; ++k)
          shift[static_cast<size_t>(o)] +=
              error((o * inputs + c) * each + k, o) * means[static_cast<size_t>(o / (outputs / group) * inputs + c)];
    return shift;
  }
  const bool rows = node.weight_axis == 0;
  const int64_t inputs = shape[rows ? 1 : 0];
  if (static_cast<int64_t>(means.size()) != inputs) return std::vector<double>();
  for (int64_t c = 0; c < inputs; ++c)
    for (int64_t o = 0; o < outputs; ++o)
      shift[static_cast<size_t>(o)] +=
          error(rows ? o * inputs + c : c * outputs + o, o) * means[static_cast<size_t>(c)];
  return shift;
}

/// The constant that is added to a MatMul's result: the node and the input that holds it.
std::optional<std::pair<NodeId, size_t>> added_behind(const Graph& graph, ValueId result, int64_t channels) {
  if (graph.users(result).size() != 1 || graph.is_output(result)) return std::nullopt;
  const NodeId add = graph.users(result)[0];
  if (!graph.node(add).is("Add")) return std::nullopt;
  const size_t other = graph.node(add).inputs[0] == result ? 1 : 0;
  const Tensor* t = graph.constant(graph.node(add).inputs[other]);
  if (t == nullptr || t->dtype() != DType::f32 || t->shape() != Shape{channels}) return std::nullopt;
  return std::pair(add, other);
}

}  // namespace

Result<int> correct_bias(Graph& graph, Selection& selection, const Scales& scales,
                         const std::map<ValueId, std::vector<double>>& means) {
  int changed = 0;
  for (IntegerNode& node : selection.nodes) {
    if (!node.weighted()) continue;
    const ValueId input = graph.node(node.node).inputs[0];
    const auto mean = means.find(input);
    const auto parameters = scales.parameters.find(input);
    if (mean == means.end() || mean->second.empty() || parameters == scales.parameters.end()) continue;
    const Node& self = graph.node(node.node);
    const bool conv = self.is("Conv"), matmul = self.is("MatMul");
    const auto* group = self.attribute<int64_t>("group");
    const Tensor weight = *graph.constant(node.weight);
    const int64_t channels = weight.shape()[static_cast<size_t>(node.weight_axis)];
    std::span<const float> before;
    std::optional<std::pair<NodeId, size_t>> behind;
    if (matmul) {
      behind = added_behind(graph, self.outputs[0], channels);
      if (!behind) continue;
      before = graph.constant(graph.node(behind->first).inputs[behind->second])->values<float>();
    } else if (node.bias != kNoValue) {
      before = graph.constant(node.bias)->values<float>();
    } else if (self.inputs.size() > 2 && self.inputs[2] != kNoValue) {
      continue;  // one that is computed
    } else if (const auto* beta = self.attribute<float>("beta"); beta && *beta != 1) {
      continue;  // it would scale the correction, too
    }
    const auto least = matmul ? std::vector<float>() : least_weight_scales(before, parameters->second.scale);
    const auto shift =
        FOVEA_TRY_AT(self.label(graph), shift_of(weight, node, conv, group ? *group : 1, least, mean->second));
    if (shift.empty()) continue;
    std::vector<float> bias(shift.size());
    for (size_t c = 0; c < bias.size(); ++c)
      bias[c] = static_cast<float>((before.empty() ? 0.0 : static_cast<double>(before[c])) - shift[c]);
    const ValueId corrected =
        graph.add_constant(graph.value(node.weight).name + "_corrected_bias", Tensor::of<float>({channels}, bias));
    ++changed;
    if (behind) {
      graph.set_input(behind->first, behind->second, corrected);
      continue;
    }
    if (self.inputs.size() > 2) {
      graph.set_input(node.node, 2, corrected);
    } else {
      // A node cannot grow an input: a new one takes its place, and its entry here.
      Node grown = self;
      grown.inputs.push_back(corrected);
      const ValueId result = grown.outputs[0];
      const NodeId old = node.node;
      std::vector<NodeId> order = graph.order();
      graph.remove_node(old);
      grown.outputs = {result};
      node.node = graph.add_node(std::move(grown));
      for (auto& [value, stored] : selection.values)
        for (auto& [user, position] : stored.users)
          if (user == old) user = node.node;
    }
    node.bias = corrected;
  }
  FOVEA_TRY(graph.sort());
  return changed;
}

}  // namespace fovea::quantize
