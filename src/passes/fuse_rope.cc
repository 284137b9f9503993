// x * cos + rotated(x) * sin -> fovea.Rope(x, cos, sin)
//
//     rotated(x) = Reshape(Concat(Unsqueeze(-x[..., 1::2]), Unsqueeze(x[..., 0::2])))      neighbours
//     rotated(x) = Concat(-x[..., d/2:], x[..., :d/2])                                      halves
//     Concat(x[..., :n, :], Rope(x[..., n:, :])) -> Rope(x) that skips n tokens             class and register tokens
#include <algorithm>

#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"
#include "passes/strided_view.h"

namespace fovea::passes {
namespace {

NodeId producer(const Graph& graph, ValueId value) { return value == kNoValue ? kNoNode : graph.value(value).producer; }

bool made_by(const Graph& graph, ValueId value, std::string_view type, std::string_view domain = "") {
  const NodeId id = producer(graph, value);
  return id != kNoNode && graph.node(id).is(type, domain);
}

/// Strips nodes that only put axes of extent 1 in or out.
ValueId without_unit_axes(const Graph& graph, ValueId value) {
  while (made_by(graph, value, "Unsqueeze") || made_by(graph, value, "Squeeze"))
    value = graph.node(producer(graph, value)).inputs[0];
  return value;
}

/// The slice of x along its last axis that `value` is: where it begins and its step; nullopt for anything else.
struct Channels {
  int64_t begin, step, count;
};
std::optional<Channels> channels_of(const Graph& graph, ValueId value, ValueId x) {
  const NodeId id = producer(graph, value);
  if (id == kNoNode) return std::nullopt;
  const Node& node = graph.node(id);
  if ((!node.is("Slice") && !node.is("Split")) || node.inputs[0] != x) return std::nullopt;
  const auto part = strided_view(graph, value), whole = strided_view(graph, x);
  if (!part || !whole || part->base != whole->base || part->scale != whole->scale) return std::nullopt;
  const size_t last = whole->extents.size() - 1;
  for (size_t d = 0; d < last; ++d)
    if (part->extents[d] != whole->extents[d] || (part->extents[d] != 1 && part->strides[d] != whole->strides[d]))
      return std::nullopt;
  const int64_t stride = whole->strides[last];
  if (stride == 0 || part->strides[last] % stride != 0 || (part->offset - whole->offset) % stride != 0)
    return std::nullopt;
  return Channels{(part->offset - whole->offset) / stride, part->strides[last] / stride, part->extents[last]};
}

/// Whether `value` is x rotated, and how.
enum class Rotation { none, neighbours, halves };
Rotation rotation_of(const Graph& graph, ValueId value, ValueId x, int64_t depth) {
  const bool reshaped = made_by(graph, value, "Reshape");
  if (reshaped) value = graph.node(producer(graph, value)).inputs[0];
  if (!made_by(graph, value, "Concat")) return Rotation::none;
  const Node& concat = graph.node(producer(graph, value));
  const auto* axis = concat.attribute<int64_t>("axis");
  const auto shape = shape_of(graph, value);
  if (concat.inputs.size() != 2 || axis == nullptr || !shape) return Rotation::none;
  if (*axis != -1 && *axis != static_cast<int64_t>(shape->size()) - 1) return Rotation::none;
  const ValueId negated = without_unit_axes(graph, concat.inputs[0]);
  if (!made_by(graph, negated, "Neg")) return Rotation::none;
  const auto first = channels_of(graph, graph.node(producer(graph, negated)).inputs[0], x);
  const auto second = channels_of(graph, without_unit_axes(graph, concat.inputs[1]), x);
  if (!first || !second || first->count != depth / 2 || second->count != depth / 2) return Rotation::none;
  // Of neighbours, pairs lie side by side: a last axis of two that is merged again.
  if (reshaped && shape->back() == 2 && first->begin == 1 && second->begin == 0 && first->step == 2 &&
      second->step == 2)
    return Rotation::neighbours;
  if (!reshaped && shape->back() == depth && first->begin == depth / 2 && second->begin == 0 && first->step == 1 &&
      second->step == 1)
    return Rotation::halves;
  return Rotation::none;
}

/// The table {tokens, depth}, with leading axes of extent 1 taken off.
std::optional<ValueId> table(Graph& graph, NodeId place, ValueId value, int64_t tokens, int64_t depth) {
  const auto shape = shape_of(graph, value);
  if (!shape || !is_f32(graph, value) || shape->size() < 2 || element_count(*shape) != tokens * depth ||
      shape->back() != depth || (*shape)[shape->size() - 2] != tokens)
    return std::nullopt;
  if (shape->size() == 2) return value;
  if (const Tensor* t = graph.constant(value))
    return graph.add_constant(graph.value(value).name, t->reshaped({tokens, depth}));
  Node reshape;
  reshape.op_type = "Reshape";
  reshape.opset = 14;
  reshape.inputs = {value, graph.add_constant("shape", Tensor::of<int64_t>({2}, {tokens, depth}))};
  return insert_node(graph, place, std::move(reshape), ValueType::of({DType::f32, {tokens, depth}}));
}

Outcome fuse_sum(Graph& graph, NodeId id) {
  const Node& add = graph.node(id);
  for (const size_t first : {0, 1}) {
    if (add.inputs.size() != 2 || !made_by(graph, add.inputs[0], "Mul") || !made_by(graph, add.inputs[1], "Mul"))
      return no_match();
    const Node& plain = graph.node(producer(graph, add.inputs[first]));
    const Node& crossed = graph.node(producer(graph, add.inputs[1 - first]));
    for (const size_t x_side : {0, 1})
      for (const size_t turned_side : {0, 1}) {
        const ValueId value = plain.inputs[x_side];
        const auto shape = shape_of(graph, value);
        if (!shape || shape->size() < 2 || shape->back() % 2 != 0 || shape != shape_of(graph, add.outputs[0]) ||
            shape != shape_of(graph, crossed.inputs[turned_side]))
          continue;
        const int64_t depth = shape->back(), tokens = (*shape)[shape->size() - 2];
        const Rotation rotation = rotation_of(graph, crossed.inputs[turned_side], value, depth);
        if (rotation == Rotation::none) continue;
        if (!is_f32(graph, value)) return refused("not f32");
        if (!used_once(graph, add.inputs[0]) || !used_once(graph, add.inputs[1]))
          return refused("a value inside is used elsewhere too");
        const std::string name = add.name;
        const ValueId plain_table = plain.inputs[1 - x_side], crossed_table = crossed.inputs[1 - turned_side];
        const auto cosines = table(graph, id, plain_table, tokens, depth);
        const auto sines = table(graph, id, crossed_table, tokens, depth);
        if (!cosines || !sines) return refused("the tables are not one row of numbers for each token");
        Node rope;
        rope.name = name;
        rope.domain = "fovea";
        rope.op_type = "Rope";
        rope.opset = 1;
        rope.inputs = {value, *cosines, *sines};
        if (rotation == Rotation::neighbours) rope.attributes["interleaved"] = int64_t{1};
        replace_node(graph, id, std::move(rope));
        return applied();
      }
  }
  return no_match();
}

/// Concat along the tokens of the first ones as they are and the others turned.
Outcome fuse_prefix(Graph& graph, NodeId id) {
  const Node& concat = graph.node(id);
  const auto shape = shape_of(graph, concat.outputs[0]);
  const auto* axis = concat.attribute<int64_t>("axis");
  if (concat.inputs.size() != 2 || axis == nullptr || !shape || shape->size() < 2) return no_match();
  const auto rank = static_cast<int64_t>(shape->size());
  if (*axis != -2 && *axis != rank - 2) return no_match();
  if (!made_by(graph, concat.inputs[1], "Rope", "fovea")) return no_match();
  const Node& rope = graph.node(producer(graph, concat.inputs[1]));
  const NodeId kept = producer(graph, concat.inputs[0]), turned = producer(graph, rope.inputs[0]);
  if (!used_once(graph, concat.inputs[1])) return refused("the turned tokens are used elsewhere too");
  if (kept == kNoNode || turned == kNoNode || rope.attributes.contains("skip") || graph.node(kept).inputs.empty() ||
      graph.node(turned).inputs.empty() || graph.node(kept).inputs[0] != graph.node(turned).inputs[0])
    return refused("the tokens in front are not those of the same value");
  const ValueId x = graph.node(kept).inputs[0];
  const auto whole = strided_view(graph, x), front = strided_view(graph, concat.inputs[0]),
             rest = strided_view(graph, rope.inputs[0]);
  if (!whole || !front || !rest || whole->extents != *shape || front->base != whole->base ||
      rest->base != whole->base || front->strides != whole->strides || rest->strides != whole->strides ||
      front->scale != whole->scale || rest->scale != whole->scale)
    return refused("the tokens in front are not those of the same value");
  const auto tokens = static_cast<size_t>(rank - 2);
  const int64_t skip = front->extents[tokens];
  if (front->offset != whole->offset || rest->offset != whole->offset + skip * whole->strides[tokens])
    return refused("the tokens in front are not the first ones");
  Node all = rope;
  all.name = concat.name;
  all.inputs[0] = x;
  all.attributes["skip"] = skip;
  replace_node(graph, id, std::move(all));
  return applied();
}

}  // namespace

Outcome fuse_rope(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.is("Add")) return fuse_sum(graph, id);
  if (node.is("Concat")) return fuse_prefix(graph, id);
  return no_match();
}

}  // namespace fovea::passes
