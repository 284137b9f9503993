// Copying between strided layouts, of which most operators that move data are a case, and the walk along index tables
// that padding and nearest-neighbour resizing share. Both know element sizes, not types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fovea/tensor.h"

namespace fovea::ops {

/// A box of elements, read and written with strides counted in elements: 0 repeats an element, a negative one walks
/// backwards. Written elements must be distinct.
struct StridedBox {
  Shape extents;
  Shape from, to;  // strides, one for each extent
};

/// The same walk with as few axes as it takes: extents of 1 dropped, axes joined where they lie end to end.
StridedBox simplified(const StridedBox& box);

/// Copies the box. `source` and `target` point at its first element; runs that lie together are copied at once.
void strided_copy(const StridedBox& box, size_t element_size, const void* source, void* target);

/// Elements of an operand from the `offset`-th on.
inline const std::byte* elements(const TensorView& x, int64_t offset) {
  return x.as<std::byte>() + offset * static_cast<int64_t>(size_of(x.dtype));
}
inline std::byte* elements(const MutableView& y, int64_t offset) {
  return y.as<std::byte>() + offset * static_cast<int64_t>(size_of(y.dtype));
}
/// The bytes of a whole operand under another shape.
void copy_all(const TensorView& from, const MutableView& to);

/// out[i, j, ...] = in[maps[0][i], maps[1][j], ...]. An empty map is the identity; -1 in a map, or in any of them,
/// gives `fill`, one element (zero bytes if null). Precondition: maps have out's extents, their entries lie within
/// in's.
using AxisMaps = std::vector<std::vector<int64_t>>;
void copy_mapped(const TensorView& in, const AxisMaps& maps, const void* fill, const MutableView& out);

}  // namespace fovea::ops
