// ONNX ScatterElements, its older name Scatter, and ScatterND: a copy of the data with some elements updated, in order.
#include "ops/scatter.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "ops/catalogue.h"
#include "ops/gather.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {

Result<Reduction> read_reduction(Attributes& attributes, int opset) {
  if (opset < 16) return Reduction::none;
  const std::string name = attributes.text("reduction", "none");
  if (name == "none") return Reduction::none;
  if (name == "add") return Reduction::add;
  if (name == "mul") return Reduction::mul;
  if (name == "max" && opset >= 18) return Reduction::max;
  if (name == "min" && opset >= 18) return Reduction::min;
  return invalid_model("reduction \"{}\" is not one that opset {} has", name, opset);
}

namespace {

struct ScatterElements final : Operator {
  int64_t axis;
  Reduction reduction;
  ScatterElements(int64_t a, Reduction r) : axis(a), reduction(r) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
    FOVEA_TRY(expect_same_dtype(in, 2, 0));
    FOVEA_TRY(expect_rank(in, 1, in.rank(0)));
    FOVEA_TRY(expect_shape(in, 2, in.shape(1)));
    const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
    for (int64_t d = 0; d < in.rank(0); ++d)
      if (const auto i = static_cast<size_t>(d); d != at && in.shape(1)[i] > in.shape(0)[i])
        return invalid_model("indices of shape {} do not fit into {}", to_string(in.shape(1)), to_string(in.shape(0)));
    return Types{in.type(0)};
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto at = static_cast<size_t>(axis < 0 ? axis + in[0].rank() : axis);
    const std::vector<int64_t> indices = FOVEA_TRY(read_indices(in[1], in[0].shape[at]));
    copy_all(in[0], out[0]);
    std::array<Shape, 1> strides = {strides_of(in[0].shape)};
    const int64_t step = strides[0][at];
    strides[0][at] = 0;  // the index tells where along this axis
    return dispatch_reduction(in[0].dtype, reduction, [&]<class T>(auto combine) {
      const T* update = in[2].as<T>();
      size_t i = 0;
      for_each_index(in[1].shape, strides, [&](const std::array<int64_t, 1>& base) {
        T& y = out[0].as<T>()[base[0] + indices[i] * step];
        y = combine(y, update[i]);
        ++i;
      });
    });
  }
};

struct ScatterND final : Operator {
  Reduction reduction;
  explicit ScatterND(Reduction r) : reduction(r) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
    FOVEA_TRY(expect_same_dtype(in, 2, 0));
    FOVEA_TRY(expect_rank_at_least(in, 1, 1));
    const Shape &data = in.shape(0), &indices = in.shape(1);
    const int64_t length = indices.back();
    if (length < 1 || length > in.rank(0))
      return invalid_model("tuples of {} indices into shape {}", length, to_string(data));
    Shape updates(indices.begin(), indices.end() - 1);
    updates.insert(updates.end(), data.begin() + length, data.end());
    FOVEA_TRY(expect_shape(in, 2, updates));
    return Types{in.type(0)};
  }

  Result<void> compute(Args in, Outs out) const override {
    const std::vector<int64_t> offsets = FOVEA_TRY(read_index_tuples(in[1], in[0].shape, strides_of(in[0].shape)));
    copy_all(in[0], out[0]);
    const int64_t slice = extent_product(in[0].shape, in[1].shape.back(), in[0].rank());
    return dispatch_reduction(in[0].dtype, reduction, [&]<class T>(auto combine) {
      const T* update = in[2].as<T>();
      for (const int64_t offset : offsets) {
        T* y = out[0].as<T>() + offset;
        for (int64_t k = 0; k < slice; ++k) y[k] = combine(y[k], update[k]);
        update += slice;
      }
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_scatter_elements(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 0);
  const Reduction reduction = FOVEA_TRY(read_reduction(attributes, node.opset));
  FOVEA_TRY(attributes.finish());
  return make_operator<ScatterElements>(axis, reduction);
}

Result<OperatorPtr> parse_scatter_nd(const Node& node) {
  Attributes attributes(node);
  const Reduction reduction = FOVEA_TRY(read_reduction(attributes, node.opset));
  FOVEA_TRY(attributes.finish());
  return make_operator<ScatterND>(reduction);
}

}  // namespace fovea::ops
