#include "ops/slice.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

// Python's rules: negative bounds count from the back, what lies outside is clipped.
int64_t clip(int64_t bound, int64_t extent, int64_t least, int64_t most) {
  return std::max(least, std::min(most, bound < 0 ? bound + extent : bound));
}

// Elements from `start` to before `end`.
int64_t count(int64_t start, int64_t end, int64_t step) {
  if (step > 0) return end <= start ? 0 : (end - start - 1) / step + 1;
  return end >= start ? 0 : (end - start + 1) / step + 1;
}

Result<Slice::Bounds> bounds_of(const Inputs& in) {
  Slice::Bounds bounds;
  bounds.starts = FOVEA_TRY(in.integers(1));
  bounds.ends = FOVEA_TRY(in.integers(2));
  if (in.has(3)) bounds.axes = FOVEA_TRY(in.integers(3));
  if (in.has(4)) bounds.steps = FOVEA_TRY(in.integers(4));
  return bounds;
}

}  // namespace

Result<SliceGeometry> Slice::resolve(const Inputs& in) const {
  const Shape& shape = in.shape(0);
  const Bounds b = bounds ? *bounds : FOVEA_TRY(bounds_of(in));
  const size_t n = b.starts.size();
  if (b.ends.size() != n || (b.axes && b.axes->size() != n) || (b.steps && b.steps->size() != n))
    return invalid_model("starts, ends, axes and steps differ in length");
  if (n > shape.size()) return invalid_model("{} axes are sliced, but the input has rank {}", n, shape.size());
  std::vector<int64_t> axes(n);
  std::iota(axes.begin(), axes.end(), 0);
  if (b.axes) axes = FOVEA_TRY(normalize_axes(*b.axes, in.rank(0)));

  SliceGeometry result{Shape(shape.size(), 0), Shape(shape.size(), 1), shape};
  for (size_t i = 0; i < n; ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    const int64_t extent = shape[axis], step = b.steps ? (*b.steps)[i] : 1;
    if (step == 0) return invalid_model("the step along axis {} is 0", axis);
    // Backwards, a slice starts at the last element at most, and ends before the first at least.
    const int64_t back = step < 0 ? 1 : 0;
    const int64_t start = clip(b.starts[i], extent, 0, extent - back);
    const int64_t end = clip(b.ends[i], extent, -back, extent);
    result.starts[axis] = start;
    result.steps[axis] = step;
    result.extents[axis] = extent == 0 ? 0 : count(start, end, step);
  }
  return result;
}

Result<Types> Slice::infer(const Inputs& in) const { return one_output(in.dtype(0), FOVEA_TRY(resolve(in)).extents); }

Result<void> Slice::compute(Args in, Outs out) const {
  if (out[0].size() == 0) return {};
  const SliceGeometry geometry = FOVEA_TRY(resolve(Known(in, out).inputs()));
  StridedBox box{geometry.extents, strides_of(in[0].shape), strides_of(out[0].shape)};
  int64_t first = 0;
  for (size_t d = 0; d < box.extents.size(); ++d) {
    first += geometry.starts[d] * box.from[d];
    // A step may be as large as it likes where it is not taken.
    box.from[d] = box.extents[d] > 1 ? box.from[d] * geometry.steps[d] : 0;
  }
  strided_copy(box, size_of(in[0].dtype), elements(in[0], first), out[0].data);
  return {};
}

Result<OperatorPtr> parse_slice(const Node& node) {
  Attributes attributes(node);
  std::optional<Slice::Bounds> bounds;
  if (node.opset < 10) {
    attributes.require("starts");
    attributes.require("ends");
    bounds = Slice::Bounds{attributes.integers("starts"), attributes.integers("ends"), {}, {}};
    if (attributes.has("axes")) bounds->axes = attributes.integers("axes");
  }
  FOVEA_TRY(attributes.finish());
  if (node.opset < 10 ? node.inputs.size() != 1 : node.inputs.size() < 3)
    return invalid_model("{} inputs, but Slice-{} takes {}", node.inputs.size(), node.opset,
                         node.opset < 10 ? "one" : "three to five");
  return make_operator<Slice>(std::move(bounds));
}

}  // namespace fovea::ops
