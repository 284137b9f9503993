// ONNX Expand and Tile: elements repeated along axes.
#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

/// Both operands broadcast: an extent of the target that is 1 leaves the input's as it is.
struct Expand final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    const std::vector<int64_t> target = FOVEA_TRY(in.integers(1));
    return one_output(in.dtype(0), FOVEA_TRY(broadcast(in.shape(0), target)));
  }

  Result<void> compute(Args in, Outs out) const override {
    const StridedBox box{Shape(out[0].shape.begin(), out[0].shape.end()), broadcast_strides(in[0].shape, out[0].shape),
                         strides_of(out[0].shape)};
    strided_copy(box, size_of(in[0].dtype), in[0].data, out[0].data);
    return {};
  }
};

struct Tile final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    const std::vector<int64_t> repeats = FOVEA_TRY(in.integers(1));
    Shape shape = in.shape(0);
    if (repeats.size() != shape.size())
      return invalid_model("{} repeats for an input of rank {}", repeats.size(), shape.size());
    for (size_t i = 0; i < shape.size(); ++i) {
      const auto extent = checked_mul(shape[i], repeats[i]);
      if (!extent || repeats[i] < 0) return invalid_model("axis {} is to be repeated {} times", i, repeats[i]);
      shape[i] = *extent;
    }
    return one_output(in.dtype(0), std::move(shape));
  }

  // Each axis of the output is two: the repeat and the index within the input.
  Result<void> compute(Args in, Outs out) const override {
    if (out[0].size() == 0) return {};
    const Shape from = strides_of(in[0].shape), to = strides_of(out[0].shape);
    StridedBox box;
    for (size_t i = 0; i < from.size(); ++i) {
      box.extents.insert(box.extents.end(), {out[0].shape[i] / in[0].shape[i], in[0].shape[i]});
      box.from.insert(box.from.end(), {0, from[i]});
      box.to.insert(box.to.end(), {to[i] * in[0].shape[i], to[i]});
    }
    strided_copy(box, size_of(in[0].dtype), in[0].data, out[0].data);
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_expand(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<Expand>();
}

Result<OperatorPtr> parse_tile(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<Tile>();
}

}  // namespace fovea::ops
