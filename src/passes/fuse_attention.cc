// MatMul(Softmax(scale * MatMul(Q, K^T) + mask), V) -> fovea.Attention
//
//     X -> Reshape -> Transpose -> Slice -> Squeeze -> Q \                              (heads outside)
//                                                  ... K - MatMul - Softmax - MatMul -> Transpose -> Y
//                                                  ... V -------------------'
//
//     X -> fovea.Attention -> Y        reads Q, K, V where they lie in X, writes tokens outside
//
// What moves or scales Q, K and V (passes/strided_view.h) becomes offsets and strides, a fovea.Rope over Q or K a
// table. A softmax whose NaNs are replaced by zeros (rows that are masked altogether) counts as one.
#include <algorithm>
#include <array>

#include "ops/operator.h"
#include "ops/softmax.h"
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"
#include "passes/strided_view.h"

namespace fovea::passes {
namespace {

NodeId producer(const Graph& graph, ValueId value) { return value == kNoValue ? kNoNode : graph.value(value).producer; }

const Node* made_by(const Graph& graph, ValueId value, std::string_view type) {
  const NodeId id = producer(graph, value);
  return id != kNoNode && graph.node(id).is(type) ? &graph.node(id) : nullptr;
}

struct Scores {
  ValueId q = kNoValue, k = kNoValue, mask = kNoValue;
  float scale = 1;
};

/// Whether the Softmax runs along the last axis.
bool along_last_axis(const Graph& graph, const Node& softmax) {
  const auto shape = shape_of(graph, softmax.inputs[0]);
  const auto op = ops::parse_operator(softmax);
  const auto* parsed = op.ok() ? dynamic_cast<const ops::Softmax*>(op->get()) : nullptr;
  const auto rank = shape ? static_cast<int64_t>(shape->size()) : 0;
  return parsed != nullptr && rank > 0 && (parsed->axis == -1 || parsed->axis == rank - 1);
}

/// The softmax that these probabilities are: itself, or Where(IsNaN(softmax), 0, softmax).
const Node* softmax_of(const Graph& graph, ValueId value, bool& nan_to_zero, bool& shared) {
  nan_to_zero = false;
  shared = !used_once(graph, value);
  if (const Node* where = made_by(graph, value, "Where")) {
    const Node* is_nan = made_by(graph, where->inputs[0], "IsNaN");
    if (is_nan == nullptr || is_nan->inputs[0] != where->inputs[2] || number(graph, where->inputs[1]) != 0.0f)
      return nullptr;
    nan_to_zero = true;
    value = where->inputs[2];
    shared = shared || graph.users(value).size() != 2 || graph.is_output(value) || !used_once(graph, where->inputs[0]);
  }
  return made_by(graph, value, "Softmax");
}

bool all_zero(const Tensor& t) {
  return t.dtype() == DType::f32 && std::ranges::all_of(t.values<float>(), [](float x) { return x == 0; });
}

/// What the softmax is taken of: scale * MatMul(q, k) + mask.
std::optional<Scores> scores_of(const Graph& graph, ValueId value) {
  Scores scores;
  const auto shape = shape_of(graph, value);
  if (const Node* add = made_by(graph, value, "Add")) {
    size_t side = made_by(graph, add->inputs[0], "MatMul") || made_by(graph, add->inputs[0], "Mul") ||
                          made_by(graph, add->inputs[0], "Div")
                      ? 0
                      : 1;
    if (graph.constant(add->inputs[side]) != nullptr) side = 1 - side;
    if (!used_once(graph, add->inputs[side]) || shape_of(graph, add->inputs[side]) != shape) return std::nullopt;
    scores.mask = add->inputs[1 - side];
    value = add->inputs[side];
  }
  for (const std::string_view scaling : {"Mul", "Div"}) {
    const Node* node = made_by(graph, value, scaling);
    if (node == nullptr) continue;
    const auto second = number(graph, node->inputs[1]);
    const auto first = scaling == "Mul" && !second ? number(graph, node->inputs[0]) : std::nullopt;
    const ValueId operand = node->inputs[first ? 1 : 0];
    if ((!first && !second) || !used_once(graph, operand)) return std::nullopt;
    scores.scale = first ? *first : scaling == "Div" ? 1 / *second : *second;
    value = operand;
    break;
  }
  const Node* product = made_by(graph, value, "MatMul");
  if (product == nullptr || shape_of(graph, value) != shape) return std::nullopt;
  scores.q = product->inputs[0];
  scores.k = product->inputs[1];
  return scores;
}

/// A view over {batch, heads, tokens, channels}; operands of three axes have one head.
std::optional<StridedView> four_axes(const Graph& graph, ValueId value, bool swap) {
  auto view = strided_view(graph, value);
  if (!view || (view->extents.size() != 3 && view->extents.size() != 4)) return std::nullopt;
  if (view->extents.size() == 3) {
    view->extents.insert(view->extents.begin() + 1, 1);
    view->strides.insert(view->strides.begin() + 1, 0);
  }
  if (swap) {
    std::swap(view->extents[2], view->extents[3]);
    std::swap(view->strides[2], view->strides[3]);
  }
  return view;
}

/// Looks through a fovea.Rope over the whole operand: the view becomes that of what is turned.
const Node* look_through_rope(const Graph& graph, StridedView& view) {
  const NodeId id = producer(graph, view.base);
  if (id == kNoNode || !graph.node(id).is("Rope", "fovea") || !view.is_whole()) return nullptr;
  const Node& rope = graph.node(id);
  const auto inner = four_axes(graph, rope.inputs[0], false);
  if (!inner || inner->extents != view.extents) return nullptr;
  const float scale = view.scale * inner->scale;
  view = *inner;
  view.scale = scale;
  return &rope;
}

bool same_form(const Node& a, const Node& b) {
  return std::ranges::all_of(std::array{"skip", "interleaved"}, [&](std::string_view key) {
    const auto *x = a.attribute<int64_t>(key), *y = b.attribute<int64_t>(key);
    return (x ? *x : 0) == (y ? *y : 0);
  });
}

bool readable(const Graph& graph, const StridedView& view) {
  return is_f32(graph, view.base) && std::ranges::all_of(view.strides, [](int64_t s) { return s >= 0; });
}

std::vector<int64_t> numbers_of(const StridedView& v) {
  return {v.offset, v.strides[0], v.strides[1], v.strides[2], v.strides[3]};
}

Node transpose_heads(ValueId from) {
  Node node;
  node.op_type = "Transpose";
  node.opset = 13;
  node.inputs = {from};
  node.attributes["perm"] = std::vector<int64_t>{0, 2, 1, 3};
  return node;
}

}  // namespace

Outcome fuse_attention(Graph& graph, NodeId id) {
  const Node& last = graph.node(id);
  if (!last.is("MatMul")) return no_match();
  bool nan_to_zero = false, shared = false;
  const Node* softmax = softmax_of(graph, last.inputs[0], nan_to_zero, shared);
  if (softmax == nullptr) return no_match();
  if (!along_last_axis(graph, *softmax)) return refused("the softmax runs along another axis");
  if (shared) return refused("the probabilities are used elsewhere too");
  if (!used_once(graph, softmax->inputs[0])) return refused("the scores are used elsewhere too");
  const auto scores = scores_of(graph, softmax->inputs[0]);
  if (!scores) return refused("the scores are no product of queries and keys");

  auto q = four_axes(graph, scores->q, false), k = four_axes(graph, scores->k, true),
       v = four_axes(graph, last.inputs[1], false);
  if (!q || !k || !v) return refused("operands of neither three nor four axes");
  const Shape qe = q->extents, ke = k->extents, ve = v->extents;
  if (qe[0] != ke[0] || qe[1] != ke[1] || qe[0] != ve[0] || qe[1] != ve[1] || qe[3] != ke[3] || ke[2] != ve[2])
    return refused("batch or heads that broadcast");
  if (element_count(qe) == 0 || element_count(ke) == 0 || element_count(ve) == 0) return refused("an empty operand");
  const Node *rope_q = look_through_rope(graph, *q), *rope_k = look_through_rope(graph, *k);
  if (!readable(graph, *q) || !readable(graph, *k) || !readable(graph, *v))
    return refused("not f32, or read backwards");
  const Node* rope = rope_q != nullptr ? rope_q : rope_k;
  if (rope_q != nullptr && rope_k != nullptr &&
      (!same_form(*rope_q, *rope_k) || rope_q->inputs[1] != rope_k->inputs[1] ||
       rope_q->inputs[2] != rope_k->inputs[2]))
    return refused("queries and keys have different rotary embeddings");

  Node fused;
  fused.name = last.name;
  fused.domain = "fovea";
  fused.op_type = "Attention";
  fused.opset = 1;
  fused.inputs = {q->base, k->base, v->base};
  fused.attributes["sizes"] = std::vector<int64_t>{qe[0], qe[1], qe[2], ke[2], qe[3], ve[3]};
  fused.attributes["q"] = numbers_of(*q);
  fused.attributes["k"] = numbers_of(*k);
  fused.attributes["v"] = numbers_of(*v);
  fused.attributes["scale"] = q->scale * k->scale * scores->scale;
  if (nan_to_zero) fused.attributes["nan_to_zero"] = int64_t{1};
  if (v->scale != 1) return refused("values that are scaled");
  const Tensor* mask = graph.constant(scores->mask);
  if (scores->mask != kNoValue && (mask == nullptr || !all_zero(*mask))) {
    const auto shape = shape_of(graph, scores->mask);
    if (!is_f32(graph, scores->mask) || !shape || shape->empty() || shape->back() != ke[2])
      return refused("a mask that is no number for each key");
    if (softmax->inputs.empty() || shape_of(graph, softmax->inputs[0])->size() != 4)
      return refused("a mask over operands of three axes");
    fused.inputs.push_back(scores->mask);
  }
  if (rope != nullptr) {
    fused.inputs.resize(4, kNoValue);
    fused.inputs.push_back(rope->inputs[1]);
    fused.inputs.push_back(rope->inputs[2]);
    fused.attributes["rope"] = int64_t{(rope_q != nullptr ? 1 : 0) + (rope_k != nullptr ? 2 : 0)};
    if (const auto* skip = rope->attribute<int64_t>("skip")) fused.attributes["rope_skip"] = *skip;
    if (const auto* pairs = rope->attribute<int64_t>("interleaved")) fused.attributes["interleaved"] = *pairs;
  }

  const ValueId out = last.outputs[0];
  const auto out_shape = shape_of(graph, out);
  const ValueId tokens =
      insert_node(graph, id, std::move(fused), ValueType::of({DType::f32, {qe[0], qe[2], qe[1], ve[3]}}));
  const auto& users = graph.users(out);
  if (users.size() == 1 && !graph.is_output(out) && out_shape->size() == 4) {
    const Node& user = graph.node(users[0]);
    const auto* perm = user.attribute<std::vector<int64_t>>("perm");
    if (user.is("Transpose") && perm != nullptr && *perm == std::vector<int64_t>{0, 2, 1, 3}) {
      graph.replace_uses(user.outputs[0], tokens);
      return applied();
    }
  }
  if (out_shape->size() == 3) {  // one head: the same bytes
    Node reshape;
    reshape.op_type = "Reshape";
    reshape.opset = 14;
    reshape.inputs = {tokens, graph.add_constant("shape", Tensor::of<int64_t>({3}, *out_shape))};
    replace_node(graph, id, std::move(reshape));
  } else {
    replace_node(graph, id, transpose_heads(tokens));
  }
  return applied();
}

}  // namespace fovea::passes
