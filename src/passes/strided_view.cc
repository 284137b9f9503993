#include "passes/strided_view.h"

#include <algorithm>

#include "ops/operator.h"
#include "ops/shapes.h"
#include "ops/slice.h"
#include "ops/views.h"
#include "passes/pattern.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

std::optional<StridedView> transposed(const StridedView& view, const Node& node) {
  const auto rank = static_cast<int64_t>(view.extents.size());
  std::vector<int64_t> perm;
  if (const auto* given = node.attribute<std::vector<int64_t>>("perm"))
    perm = *given;
  else
    for (int64_t d = rank; d-- > 0;) perm.push_back(d);
  if (static_cast<int64_t>(perm.size()) != rank) return std::nullopt;
  StridedView result = view;
  for (size_t d = 0; d < perm.size(); ++d) {
    result.extents[d] = view.extents[static_cast<size_t>(perm[d])];
    result.strides[d] = view.strides[static_cast<size_t>(perm[d])];
  }
  return result;
}

std::optional<StridedView> sliced(const Graph& graph, const StridedView& view, const Node& node) {
  const auto op = ops::parse_operator(node);
  if (!op.ok()) return std::nullopt;
  const auto* slice = dynamic_cast<const ops::Slice*>(op->get());
  if (slice == nullptr) return std::nullopt;
  std::vector<ops::Inputs::Input> known(node.inputs.size());
  for (size_t i = 0; i < known.size(); ++i) {
    if (node.inputs[i] == kNoValue) continue;
    const auto type = graph.value(node.inputs[i]).type.concrete();
    if (!type) return std::nullopt;
    known[i] = {*type, graph.constant(node.inputs[i]), true};
  }
  const auto geometry = slice->resolve(ops::Inputs(known, 1));
  if (!geometry.ok()) return std::nullopt;
  StridedView result = view;
  for (size_t d = 0; d < view.extents.size(); ++d) {
    if (geometry->extents[d] == 0) return std::nullopt;
    result.offset += geometry->starts[d] * view.strides[d];
    result.strides[d] = geometry->steps[d] * view.strides[d];
    result.extents[d] = geometry->extents[d];
  }
  return result;
}

int64_t axis_of(const Node& node, int64_t rank) {
  const auto* axis = node.attribute<int64_t>("axis");
  const int64_t given = axis == nullptr ? 0 : *axis;
  return given < 0 ? given + rank : given;
}

/// Part number `index` of a Split; the parts before it tell where it begins.
std::optional<StridedView> part(const Graph& graph, const StridedView& view, const Node& node, size_t index) {
  const int64_t axis = axis_of(node, static_cast<int64_t>(view.extents.size()));
  if (axis < 0 || axis >= static_cast<int64_t>(view.extents.size())) return std::nullopt;
  const auto at = static_cast<size_t>(axis);
  StridedView result = view;
  for (size_t i = 0; i <= index; ++i) {
    const auto shape = shape_of(graph, node.outputs[i]);
    if (!shape || shape->size() != view.extents.size()) return std::nullopt;
    if (i == index)
      result.extents = *shape;
    else
      result.offset += (*shape)[at] * view.strides[at];
  }
  return result;
}

/// Gather of one index.
std::optional<StridedView> picked(const Graph& graph, const StridedView& view, const Node& node) {
  const Tensor* index = graph.constant(node.inputs[1]);
  const int64_t axis = axis_of(node, static_cast<int64_t>(view.extents.size()));
  if (index == nullptr || index->size() != 1 || index->rank() > 1 || index->dtype() != DType::i64) return std::nullopt;
  if (axis < 0 || axis >= static_cast<int64_t>(view.extents.size())) return std::nullopt;
  const auto at = static_cast<size_t>(axis);
  int64_t i = index->data<int64_t>()[0];
  if (i < 0) i += view.extents[at];
  if (i < 0 || i >= view.extents[at]) return std::nullopt;
  StridedView result = view;
  result.offset += i * view.strides[at];
  result.extents[at] = 1;
  if (index->rank() == 0) {
    result.extents.erase(result.extents.begin() + axis);
    result.strides.erase(result.strides.begin() + axis);
  }
  return result;
}

struct Source {
  ValueId value = kNoValue;
  float factor = 1;
};

/// The operand that the node moves or scales; nullopt for other nodes.
std::optional<Source> moved(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.inputs.empty()) return std::nullopt;
  if (ops::only_reshapes(node) || node.is("Transpose") || node.is("Slice") || node.is("Split") || node.is("Gather"))
    return Source{node.inputs[0], 1};
  if ((node.is("Mul") || node.is("Div")) && node.inputs.size() == 2)
    for (const size_t side : {1, 0}) {
      if (node.is("Div") && side == 0) break;
      const auto factor = number(graph, node.inputs[side]);
      const auto shape = shape_of(graph, node.inputs[1 - side]), out = shape_of(graph, node.outputs[0]);
      if (!factor || shape != out) continue;
      return Source{node.inputs[1 - side], node.is("Div") ? 1 / *factor : *factor};
    }
  return std::nullopt;
}

std::optional<StridedView> whole(const Graph& graph, ValueId value) {
  const auto shape = shape_of(graph, value);
  if (!shape) return std::nullopt;
  return StridedView{value, 1, 0, *shape, ops::strides_of(*shape)};
}

std::optional<StridedView> look(const Graph& graph, ValueId value, int depth) {
  constexpr int kMostNodes = 32;
  const NodeId id = graph.value(value).producer;
  if (id == kNoNode || depth > kMostNodes) return whole(graph, value);
  const Node& node = graph.node(id);
  const auto source = moved(graph, node);
  const auto shape = shape_of(graph, value);
  if (!source || !shape || element_count(*shape) == 0) return whole(graph, value);
  if (node.outputs[0] != value && !node.is("Split")) return whole(graph, value);
  auto from = look(graph, source->value, depth + 1);
  if (!from) return whole(graph, value);
  from->scale *= source->factor;
  std::optional<StridedView> view;
  if (node.is("Transpose"))
    view = transposed(*from, node);
  else if (node.is("Slice"))
    view = sliced(graph, *from, node);
  else if (node.is("Split"))
    view = part(graph, *from, node, static_cast<size_t>(std::ranges::find(node.outputs, value) - node.outputs.begin()));
  else if (node.is("Gather"))
    view = picked(graph, *from, node);
  else if (node.is("Mul") || node.is("Div"))
    view = from;
  else
    view = reshape_view(*from, *shape);
  return view && view->extents == *shape ? view : whole(graph, value);
}

}  // namespace

bool StridedView::is_whole() const {
  int64_t stride = 1;
  for (size_t d = extents.size(); d-- > 0;) {
    if (extents[d] != 1 && strides[d] != stride) return false;  // along an axis of one element any stride will do
    stride *= extents[d];
  }
  return offset == 0;
}

std::optional<StridedView> strided_view(const Graph& graph, ValueId value) {
  return value == kNoValue ? std::nullopt : look(graph, value, 0);
}

std::optional<StridedView> reshape_view(const StridedView& view, const Shape& shape) {
  if (element_count(shape) != element_count(view.extents) || element_count(shape) == 0) return std::nullopt;
  StridedView result{view.base, view.scale, view.offset, shape, Shape(shape.size(), 0)};
  // Runs of old axes and of new ones that hold the same number of elements; within a run the old axes must lie one
  // inside the other.
  size_t from = 0, to = 0;
  while (to < shape.size()) {
    if (shape[to] == 1) {
      ++to;
      continue;
    }
    while (view.extents[from] == 1) ++from;
    size_t from_end = from, to_end = to;
    int64_t have = view.extents[from_end++], want = shape[to_end++];
    while (have != want) {
      if (have < want)
        have *= view.extents[from_end++];
      else
        want *= shape[to_end++];
    }
    int64_t stride = 0;
    for (size_t d = from_end; d-- > from;) {
      if (view.extents[d] == 1) continue;
      if (stride == 0) {
        stride = view.strides[d];
        have = stride * view.extents[d];
      } else if (view.strides[d] != have) {
        return std::nullopt;
      } else {
        have *= view.extents[d];
      }
    }
    for (size_t d = to_end; d-- > to;) {
      result.strides[d] = stride;
      stride *= shape[d];
    }
    from = from_end;
    to = to_end;
  }
  return result;
}

}  // namespace fovea::passes
