#include "ops/shapes.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::ops {

Result<int64_t> normalize_axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) return invalid_model("axis {} is outside a tensor of rank {}", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Result<std::vector<int64_t>> normalize_axes(std::span<const int64_t> axes, int64_t rank) {
  std::vector<int64_t> result;
  for (int64_t axis : axes) {
    result.push_back(FOVEA_TRY(normalize_axis(axis, rank)));
    if (std::ranges::count(result, result.back()) > 1) return invalid_model("axis {} is given twice", axis);
  }
  return result;
}

Result<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.size() < b.size()) std::swap(a, b);
  Shape result(a.begin(), a.end());
  const size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t& extent = result[shift + i];
    if (extent == 1)
      extent = b[i];
    else if (b[i] != 1 && b[i] != extent)
      return invalid_model("shapes {} and {} do not broadcast", to_string(a), to_string(b));
  }
  return result;
}

Shape strides_of(std::span<const int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(shape[i], 1);
  return strides;
}

Shape broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> target) {
  const Shape own = strides_of(shape);
  Shape strides(target.size(), 0);
  const size_t shift = target.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1) strides[shift + i] = own[i];
  return strides;
}

int64_t extent_product(std::span<const int64_t> shape, int64_t from, int64_t to) {
  return element_count(shape.subspan(static_cast<size_t>(from), static_cast<size_t>(to - from)));
}

Result<void> expect_dtype(const Inputs& in, size_t i, std::span<const DType> allowed) {
  if (std::ranges::find(allowed, in.dtype(i)) != allowed.end()) return {};
  std::string names;
  for (DType d : allowed) names.append(names.empty() ? "" : ", ").append(name_of(d));
  return invalid_model("input {} is {}, but must be one of {}", i, name_of(in.dtype(i)), names);
}

Result<void> expect_same_dtype(const Inputs& in, size_t i, size_t j) {
  if (in.dtype(i) == in.dtype(j)) return {};
  return invalid_model("inputs {} and {} differ in type: {} and {}", i, j, name_of(in.dtype(i)), name_of(in.dtype(j)));
}

Result<void> expect_rank(const Inputs& in, size_t i, int64_t rank) {
  if (in.rank(i) == rank) return {};
  return invalid_model("input {} has shape {}, but must have rank {}", i, to_string(in.shape(i)), rank);
}

Result<void> expect_rank_at_least(const Inputs& in, size_t i, int64_t rank) {
  if (in.rank(i) >= rank) return {};
  return invalid_model("input {} has shape {}, but must have rank {} or more", i, to_string(in.shape(i)), rank);
}

Result<void> expect_shape(const Inputs& in, size_t i, std::span<const int64_t> shape) {
  const bool fits =
      std::ranges::equal(in.shape(i), shape, [](int64_t have, int64_t want) { return want == -1 || have == want; });
  if (fits) return {};
  return invalid_model("input {} has shape {}, but must have {}", i, to_string(in.shape(i)), to_string(shape));
}

}  // namespace fovea::ops
