// What an operand is a view of: looks through nodes that only move elements (Transpose, Reshape, Slice, Split, Gather
// of one index, ...) and scale them by one number, to the value that was computed, and says where in it each element
// lies.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace fovea::passes {

/// Element (i, j, ...) is scale * base[offset + i * strides[0] + j * strides[1] + ...], all in elements; 0 where an
/// axis repeats.
struct StridedView {
  ValueId base = kNoValue;
  float scale = 1;
  int64_t offset = 0;
  Shape extents, strides;

  /// Whether it is the whole base in its own order.
  bool is_whole() const;
};

/// The view that `value` is of what lies as far up as can be seen through. Precondition: the values of the graph have
/// concrete types. A value that is no view is its own base. nullopt where the type is not known.
std::optional<StridedView> strided_view(const Graph& graph, ValueId value);

/// The same elements under another shape, where that needs no copy.
std::optional<StridedView> reshape_view(const StridedView& view, const Shape& shape);

}  // namespace fovea::passes
