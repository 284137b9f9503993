// depthwise(pointwise(x)) -> one fovea.Conv with the pointwise one in front, where the map between them is large
//
// The expansion of an inverted bottleneck makes more than a cache holds; line by line, it need not leave the cache.
#include <algorithm>

#include "ops/shapes.h"
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// Bytes of one image's map from which storing it costs more than computing some lines twice: no L2 cache that image
/// models run on holds it together with what is read and written beside it.
constexpr int64_t kLargeMap = 1 << 20;

bool all(const Node& node, std::string_view key, int64_t value) {
  const auto* values = node.attribute<std::vector<int64_t>>(key);
  return values == nullptr || std::ranges::all_of(*values, [&](int64_t v) { return v == value; });
}

bool is_plain_conv(const Node& node) {
  const auto* auto_pad = node.attribute<std::string>("auto_pad");
  return node.is("Conv", "fovea") && !has(node, 3) && !has(node, 4) && (auto_pad == nullptr || *auto_pad == "NOTSET");
}

int64_t groups_of(const Node& node) {
  const auto* group = node.attribute<int64_t>("group");
  return group == nullptr ? 1 : *group;
}

/// A square kernel of 3, 5 or 7 with equal strides of 1 or 2, one channel to each group: what the kernels take.
bool is_depthwise(const Graph& graph, const Node& node) {
  const Tensor* weight = is_plain_conv(node) ? graph.constant(node.inputs[1]) : nullptr;
  if (weight == nullptr || weight->rank() != 4) return false;
  const Shape& w = weight->shape();
  const bool square = w[2] == w[3] && (w[2] == 3 || w[2] == 5 || w[2] == 7);
  return square && w[1] == 1 && w[0] == groups_of(node) && all(node, "dilations", 1) &&
         (all(node, "strides", 1) || all(node, "strides", 2));
}

bool is_pointwise(const Graph& graph, const Node& node) {
  const Tensor* weight = is_plain_conv(node) ? graph.constant(node.inputs[1]) : nullptr;
  return weight != nullptr && weight->rank() == 4 && weight->shape()[2] == 1 && weight->shape()[3] == 1 &&
         groups_of(node) == 1 && all(node, "strides", 1) && all(node, "pads", 0) && all(node, "dilations", 1);
}

}  // namespace

Outcome fuse_expand(Graph& graph, NodeId id) {
  const Node& depthwise = graph.node(id);
  if (!is_depthwise(graph, depthwise)) return no_match();
  const NodeId producer = graph.value(depthwise.inputs[0]).producer;
  if (producer == kNoNode || !is_pointwise(graph, graph.node(producer))) return no_match();
  const auto map = shape_of(graph, depthwise.inputs[0]);
  if (!map || map->size() != 4) return no_match();
  if (!used_once(graph, depthwise.inputs[0])) return refused("others read the map between the two");
  if (ops::extent_product(*map, 1, 4) * 4 < kLargeMap) return no_match();  // the cache holds it
  // Threads share out lines, and compute those that they both need twice.
  const int64_t shared_lines = graph.constant(depthwise.inputs[1])->shape()[2] - 1;
  if (shared_lines * 16 > (*map)[1]) return refused("too many lines would be computed twice");
  const Node& pointwise = graph.node(producer);
  Node fused = depthwise;
  fused.outputs.clear();
  fused.inputs.resize(6, kNoValue);
  fused.inputs[0] = pointwise.inputs[0];
  fused.inputs[4] = pointwise.inputs[1];
  if (has(pointwise, 2)) fused.inputs[5] = pointwise.inputs[2];
  const auto* activation = pointwise.attribute<std::string>("activation");
  fused.attributes["expand"] = activation != nullptr ? *activation : std::string("none");
  for (const char* key : {"alpha", "beta"})
    if (const auto* value = pointwise.attribute<float>(key)) fused.attributes[std::string("expand_") + key] = *value;
  replace_node(graph, id, std::move(fused));
  return applied();
}

}  // namespace fovea::passes
