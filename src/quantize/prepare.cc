#include "quantize/prepare.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "passes/catalogue.h"
#include "passes/pipeline.h"
#include "passes/raise_opset.h"
#include "passes/specialise.h"
#include "quantize/rename.h"

namespace fovea::quantize {
namespace {

constexpr int kLeastOpset = 13;
constexpr std::string_view kFolds[] = {"remove_identity", "fold_batch_norm", "fold_scale"};

/// One number for each of `channels`, laid out along axis 1 of an image; empty for anything else.
std::vector<float> by_channel(const Graph& graph, ValueId value, int64_t channels, int64_t spatial) {
  const Tensor* t = graph.constant(value);
  if (t == nullptr || t->dtype() != DType::f32 || t->size() != channels) return {};
  const int64_t channel_dim = t->rank() - spatial - 1;  // counted from the end: batch and channels may be left out
  if (channel_dim < 0 || channel_dim > 1 || t->shape()[static_cast<size_t>(channel_dim)] != channels) return {};
  return {t->data<float>(), t->data<float>() + channels};
}

/// Conv(x, W, b) + c -> Conv(x, W, b + c)
bool fold_bias(Graph& graph, NodeId id) {
  const Node& add = graph.node(id);
  if (!add.is("Add") || add.inputs.size() != 2) return false;
  for (const size_t side : {size_t{0}, size_t{1}}) {
    const NodeId producer = graph.value(add.inputs[side]).producer;
    if (producer == kNoNode || !graph.node(producer).is("Conv") || graph.users(add.inputs[side]).size() != 1 ||
        graph.is_output(add.inputs[side]))
      continue;
    const Node& conv = graph.node(producer);
    const Tensor* weight = graph.constant(conv.inputs[1]);
    if (weight == nullptr || weight->dtype() != DType::f32 || weight->rank() < 3) continue;
    const int64_t channels = weight->shape()[0];
    const auto more = by_channel(graph, add.inputs[1 - side], channels, weight->rank() - 2);
    if (more.empty()) continue;
    std::vector<float> bias(static_cast<size_t>(channels), 0);
    if (conv.inputs.size() > 2 && conv.inputs[2] != kNoValue) {
      const Tensor* before = graph.constant(conv.inputs[2]);
      if (before == nullptr || before->dtype() != DType::f32 || before->size() != channels) continue;
      bias.assign(before->data<float>(), before->data<float>() + channels);
    }
    for (size_t c = 0; c < bias.size(); ++c) bias[c] += more[c];
    const ValueId sum = add.outputs[0], out = conv.outputs[0];
    const ValueId folded =
        graph.add_constant(graph.value(conv.inputs[1]).name + "_bias", Tensor::of<float>({channels}, bias));
    Node whole = conv;
    whole.inputs.resize(3, kNoValue);
    whole.inputs[2] = folded;
    whole.outputs = {graph.add_value(graph.value(sum).name, graph.value(out).type)};
    const ValueId result = whole.outputs[0];
    graph.insert_before(producer, std::move(whole));
    graph.replace_uses(sum, result);
    graph.remove_node(id);
    graph.remove_node(producer);
    return true;
  }
  return false;
}

}  // namespace

Result<Graph> prepare(const Graph& model) {
  for (NodeId id : model.order()) {
    const Node& node = model.node(id);
    if (node.is("QuantizeLinear") || node.is("QLinearConv") || node.is("ConvInteger") || node.is("QLinearMatMul"))
      return unsupported("the model is quantised already: it has {}", node.label(model))
          .with_fix("quantise the float model that it was made from");
  }
  Graph graph = model;
  FOVEA_TRY(passes::raise_opset(graph, std::max(kLeastOpset, passes::highest_opset(graph))));
  FOVEA_TRY(passes::fold_constants(graph));
  for (const std::string_view name : kFolds)
    for (const passes::Pass& pass : passes::pipeline(passes::Stage::once))
      if (pass.name == name) FOVEA_TRY(passes::run_pass(graph, pass));
  const std::vector<NodeId> order = graph.order();
  for (NodeId id : order)
    if (graph.alive(id)) fold_bias(graph, id);
  graph.remove_dead_nodes();
  FOVEA_TRY(graph.sort());
  return with_names_of(model, graph);
}

}  // namespace fovea::quantize
