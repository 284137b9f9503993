#include "quantize/equalize.h"

#include <algorithm>
#include <cmath>

namespace fovea::quantize {
namespace {

constexpr int kMostRounds = 20;
constexpr double kSettled = 0.02;  // of the logarithm of the largest factor

struct Pair {
  NodeId first, second;
};

bool has_f32_weight(const Graph& graph, const Node& node) {
  const Tensor* weight = graph.constant(node.inputs[1]);
  if (!node.is("Conv") || weight == nullptr || weight->dtype() != DType::f32 || weight->rank() < 3) return false;
  // A weight of two layers cannot be changed for one of them.
  return graph.users(node.inputs[1]).size() == 1;
}

std::vector<Pair> find_pairs(const Graph& graph) {
  std::vector<Pair> pairs;
  for (NodeId id : graph.order()) {
    const Node& second = graph.node(id);
    if (!second.is("Conv") || !has_f32_weight(graph, second)) continue;
    ValueId between = second.inputs[0];
    for (int step = 0; step < 2 && between != kNoValue; ++step) {
      const NodeId producer = graph.value(between).producer;
      if (producer == kNoNode || graph.users(between).size() != 1 || graph.is_output(between)) break;
      const Node& node = graph.node(producer);
      if (node.is("Conv")) {
        const bool biased = node.inputs.size() > 2 && node.inputs[2] != kNoValue;
        const Tensor* bias = biased ? graph.constant(node.inputs[2]) : nullptr;
        const bool usable = !biased || (bias != nullptr && bias->dtype() == DType::f32);
        if (has_f32_weight(graph, node) && usable) pairs.push_back({producer, id});
        break;
      }
      if (!node.is("Relu")) break;
      between = node.inputs[0];
    }
  }
  return pairs;
}

class Equalizer {
 public:
  explicit Equalizer(Graph& graph) : graph_(graph) {}

  /// Returns the logarithm of the largest factor.
  double apply(const Pair& pair) {
    const Node &first = graph_.node(pair.first), &second = graph_.node(pair.second);
    const Tensor &w1 = *graph_.constant(first.inputs[1]), &w2 = *graph_.constant(second.inputs[1]);
    const auto* attribute = second.attribute<int64_t>("group");
    const int64_t group = attribute ? *attribute : 1;
    const int64_t channels = w1.shape()[0], each = w1.size() / std::max<int64_t>(1, channels);
    const int64_t outputs = w2.shape()[0], inputs = w2.shape()[1];
    const int64_t inner = w2.size() / std::max<int64_t>(1, outputs * inputs);
    if (inputs * group != channels || outputs % group != 0 || channels == 0) return 0;
    const auto channel_of = [&](int64_t i) {  // the input channel that element i of the second weight works on
      const int64_t o = i / (inputs * inner), c = i / inner % inputs;
      return static_cast<size_t>(o / (outputs / group) * inputs + c);
    };
    std::vector<float> r1(static_cast<size_t>(channels), 0), r2 = r1, s(r1.size(), 1);
    for (int64_t i = 0; i < w1.size(); ++i) grow(r1[static_cast<size_t>(i / each)], w1.data<float>()[i]);
    for (int64_t i = 0; i < w2.size(); ++i) grow(r2[channel_of(i)], w2.data<float>()[i]);
    double largest = 0;
    for (size_t c = 0; c < s.size(); ++c) {
      if (!(r1[c] > 0 && r2[c] > 0)) continue;
      s[c] = std::clamp(std::sqrt(r1[c] / r2[c]), 1e-4f, 1e4f);
      largest = std::max(largest, std::fabs(std::log(static_cast<double>(s[c]))));
    }
    scale(pair.first, 1, [&](int64_t i) { return 1 / s[static_cast<size_t>(i / each)]; });
    if (first.inputs.size() > 2 && first.inputs[2] != kNoValue)
      scale(pair.first, 2, [&](int64_t i) { return 1 / s[static_cast<size_t>(i)]; });
    scale(pair.second, 1, [&](int64_t i) { return s[channel_of(i)]; });
    return largest;
  }

 private:
  static void grow(float& most, float value) { most = std::max(most, std::fabs(value)); }

  template <class Factor>
  void scale(NodeId node, size_t input, Factor&& factor) {
    const ValueId before = graph_.node(node).inputs[input];
    const Tensor& old = *graph_.constant(before);
    auto made = Tensor::allocate(DType::f32, old.shape());
    if (!made.ok()) return;
    auto* out = made->mutable_view().as<float>();
    for (int64_t i = 0; i < old.size(); ++i) out[i] = old.data<float>()[i] * factor(i);
    if (graph_.users(before).size() == 1) {
      graph_.set_constant(before, std::move(made).value());
    } else {
      graph_.set_input(node, input, graph_.add_constant(graph_.value(before).name, std::move(made).value()));
    }
  }

  Graph& graph_;
};

}  // namespace

int equalize(Graph& graph) {
  const std::vector<Pair> pairs = find_pairs(graph);
  Equalizer equalizer(graph);
  for (int round = 0; round < kMostRounds; ++round) {
    double largest = 0;
    for (const Pair& pair : pairs) largest = std::max(largest, equalizer.apply(pair));
    if (largest < kSettled) break;
  }
  return static_cast<int>(pairs.size());
}

}  // namespace fovea::quantize
