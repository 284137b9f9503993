// BatchNormalization(Conv(x, W, B)) with constant statistics -> Conv(x, W', B')
#include <cmath>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// A constant f32 vector of this length; nullptr for anything else.
const float* channels_of(const Graph& graph, ValueId value, int64_t count) {
  const Tensor* t = graph.constant(value);
  return t != nullptr && t->dtype() == DType::f32 && t->rank() == 1 && t->size() == count ? t->data<float>() : nullptr;
}

bool in_training(const Node& norm) {
  if (const auto* training = norm.attribute<int64_t>("training_mode"); training && *training != 0) return true;
  if (const auto* spatial = norm.attribute<int64_t>("spatial"); spatial && *spatial == 0) return true;
  for (size_t i = 1; i < norm.outputs.size(); ++i)
    if (norm.outputs[i] != kNoValue) return true;
  return norm.opset < 7;
}

}  // namespace

Outcome fold_batch_norm(Graph& graph, NodeId id) {
  const Node& norm = graph.node(id);
  if (!norm.is("BatchNormalization") || norm.inputs.size() != 5) return no_match();
  const NodeId producer = graph.value(norm.inputs[0]).producer;
  if (producer == kNoNode || !graph.node(producer).is("Conv")) return no_match();
  const Node& conv = graph.node(producer);
  if (in_training(norm)) return refused("it computes statistics");
  if (!used_once(graph, norm.inputs[0])) return refused("the convolution's result is used elsewhere too");
  const Tensor* weight = graph.constant(conv.inputs[1]);
  if (weight == nullptr || weight->dtype() != DType::f32 || weight->rank() < 3)
    return refused("no constant f32 weight");
  const int64_t channels = weight->shape()[0];
  const bool biased = conv.inputs.size() > 2 && conv.inputs[2] != kNoValue;
  const float* bias = biased ? channels_of(graph, conv.inputs[2], channels) : nullptr;
  const float *scale = channels_of(graph, norm.inputs[1], channels),
              *shift = channels_of(graph, norm.inputs[2], channels),
              *mean = channels_of(graph, norm.inputs[3], channels), *var = channels_of(graph, norm.inputs[4], channels);
  if (!scale || !shift || !mean || !var || (biased && !bias)) return refused("statistics that are no f32 constants");

  auto new_weight = Tensor::allocate(DType::f32, weight->shape()), new_bias = Tensor::allocate(DType::f32, {channels});
  if (!new_weight.ok() || !new_bias.ok()) return refused("no memory for the folded weight");
  const auto* attribute = norm.attribute<float>("epsilon");
  const double epsilon = attribute ? static_cast<double>(*attribute) : 1e-5;
  const int64_t each = weight->size() / channels;
  auto* w = new_weight->mutable_view().as<float>();
  auto* b = new_bias->mutable_view().as<float>();
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = scale[c] / std::sqrt(static_cast<double>(var[c]) + epsilon);
    for (int64_t i = c * each; i < (c + 1) * each; ++i) w[i] = static_cast<float>(weight->data<float>()[i] * factor);
    b[c] = static_cast<float>(shift[c] + ((bias ? static_cast<double>(bias[c]) : 0.0) - mean[c]) * factor);
  }
  Node folded = conv;
  folded.inputs.resize(3);
  folded.inputs[1] = graph.add_constant(graph.value(conv.inputs[1]).name, std::move(new_weight).value());
  folded.inputs[2] = graph.add_constant(norm.name + ".bias", std::move(new_bias).value());
  replace_node(graph, id, std::move(folded));
  return applied();
}

}  // namespace fovea::passes
