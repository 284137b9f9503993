#include "ops/transpose.h"

#include <numeric>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {

Result<std::vector<int64_t>> Transpose::resolve(int64_t rank) const {
  std::vector<int64_t> axes = perm;
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  if (static_cast<int64_t>(axes.size()) != rank)
    return invalid_model("perm names {} axes, but the input has rank {}", axes.size(), rank);
  return normalize_axes(axes, rank);
}

Result<Types> Transpose::infer(const Inputs& in) const {
  Shape shape;
  for (int64_t axis : FOVEA_TRY(resolve(in.rank(0)))) shape.push_back(in.shape(0)[static_cast<size_t>(axis)]);
  return Types{{in.dtype(0), std::move(shape)}};
}

Result<void> Transpose::compute(Args in, Outs out) const {
  const Shape strides = strides_of(in[0].shape);
  StridedBox box{Shape(out[0].shape.begin(), out[0].shape.end()), {}, strides_of(out[0].shape)};
  for (int64_t axis : FOVEA_TRY(resolve(in[0].rank()))) box.from.push_back(strides[static_cast<size_t>(axis)]);
  strided_copy(box, size_of(in[0].dtype), in[0].data, out[0].data);
  return {};
}

Result<OperatorPtr> parse_transpose(const Node& node) {
  Attributes attributes(node);
  std::vector<int64_t> perm = attributes.integers("perm");
  FOVEA_TRY(attributes.finish());
  return make_operator<Transpose>(std::move(perm));
}

}  // namespace fovea::ops
