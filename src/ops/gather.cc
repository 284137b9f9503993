#include "ops/gather.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

int64_t index_at(const TensorView& indices, int64_t i) {
  return indices.dtype == DType::i64 ? indices.as<int64_t>()[i] : indices.as<int32_t>()[i];
}

Result<int64_t> checked_index(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent) return invalid_argument("index {} is outside an extent of {}", index, extent);
  return index < 0 ? index + extent : index;
}

}  // namespace

Result<std::vector<int64_t>> read_indices(const TensorView& indices, int64_t extent) {
  std::vector<int64_t> result(static_cast<size_t>(indices.size()));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = FOVEA_TRY(checked_index(index_at(indices, static_cast<int64_t>(i)), extent));
  return result;
}

Result<std::vector<int64_t>> read_index_tuples(const TensorView& indices, std::span<const int64_t> extents,
                                               std::span<const int64_t> strides) {
  const int64_t length = indices.shape.back(), rows = extent_product(indices.shape, 0, indices.rank() - 1);
  std::vector<int64_t> result(static_cast<size_t>(rows), 0);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < length; ++k) {
      const auto axis = static_cast<size_t>(k);
      const int64_t index = FOVEA_TRY(checked_index(index_at(indices, r * length + k), extents[axis]));
      result[static_cast<size_t>(r)] += index * strides[axis];
    }
  return result;
}

Result<Types> Gather::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
  const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
  Shape shape = in.shape(0);
  shape.erase(shape.begin() + at);
  shape.insert(shape.begin() + at, in.shape(1).begin(), in.shape(1).end());
  return one_output(in.dtype(0), std::move(shape));
}

Result<void> Gather::compute(Args in, Outs out) const {
  const int64_t at = axis < 0 ? axis + in[0].rank() : axis, extent = in[0].shape[static_cast<size_t>(at)];
  const std::vector<int64_t> indices = FOVEA_TRY(read_indices(in[1], extent));
  if (out[0].size() == 0) return {};
  const int64_t outer = extent_product(in[0].shape, 0, at), inner = extent_product(in[0].shape, at + 1, in[0].rank());
  copy_mapped({in[0].dtype, Shape{outer, extent, inner}, in[0].data}, {{}, indices, {}}, nullptr,
              {out[0].dtype, Shape{outer, static_cast<int64_t>(indices.size()), inner}, out[0].data});
  return {};
}

namespace {

struct GatherElements final : Operator {
  int64_t axis;
  explicit GatherElements(int64_t a) : axis(a) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
    FOVEA_TRY(expect_rank(in, 1, in.rank(0)));
    const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
    for (int64_t d = 0; d < in.rank(0); ++d)
      if (const auto i = static_cast<size_t>(d); d != at && in.shape(1)[i] > in.shape(0)[i])
        return invalid_model("indices of shape {} do not fit into {}", to_string(in.shape(1)), to_string(in.shape(0)));
    return one_output(in.dtype(0), in.shape(1));
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto at = static_cast<size_t>(axis < 0 ? axis + in[0].rank() : axis);
    const std::vector<int64_t> indices = FOVEA_TRY(read_indices(in[1], in[0].shape[at]));
    std::array<Shape, 1> strides = {strides_of(in[0].shape)};
    const int64_t step = strides[0][at];
    strides[0][at] = 0;  // the index tells where along this axis
    return dispatch_size(in[0].dtype, [&]<class T>() {
      const T* x = in[0].as<T>();
      T* y = out[0].as<T>();
      size_t i = 0;
      for_each_index(out[0].shape, strides, [&](const std::array<int64_t, 1>& base) {
        y[i] = x[base[0] + indices[i] * step];
        ++i;
      });
    });
  }
};

struct GatherND final : Operator {
  int64_t batch_dims;  // leading axes that data and indices share
  explicit GatherND(int64_t b) : batch_dims(b) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
    const Shape &data = in.shape(0), &indices = in.shape(1);
    if (batch_dims < 0 || batch_dims >= std::min(in.rank(0), in.rank(1)))
      return invalid_model("batch_dims {} for ranks {} and {}", batch_dims, in.rank(0), in.rank(1));
    if (!std::equal(data.begin(), data.begin() + batch_dims, indices.begin()))
      return invalid_model("shapes {} and {} differ in their first {} axes", to_string(data), to_string(indices),
                           batch_dims);
    const int64_t length = indices.back();
    if (length < 1 || length > in.rank(0) - batch_dims)
      return invalid_model("tuples of {} indices into shape {} after {} batch axes", length, to_string(data),
                           batch_dims);
    Shape shape(indices.begin(), indices.end() - 1);
    shape.insert(shape.end(), data.begin() + batch_dims + length, data.end());
    return one_output(in.dtype(0), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto first = static_cast<size_t>(batch_dims);
    const int64_t length = in[1].shape.back();
    const int64_t slice = extent_product(in[0].shape, batch_dims + length, in[0].rank());
    const int64_t batch_size = extent_product(in[0].shape, batch_dims, in[0].rank());
    const std::span<const int64_t> extents = in[0].shape.subspan(first);
    const std::vector<int64_t> offsets = FOVEA_TRY(read_index_tuples(in[1], extents, strides_of(extents)));
    if (out[0].size() == 0) return {};
    const auto per_batch = static_cast<int64_t>(offsets.size()) / extent_product(in[1].shape, 0, batch_dims);
    for (size_t i = 0; i < offsets.size(); ++i) {
      const auto n = static_cast<int64_t>(i);
      std::memcpy(elements(out[0], n * slice), elements(in[0], n / per_batch * batch_size + offsets[i]),
                  static_cast<size_t>(slice) * size_of(in[0].dtype));
    }
    return {};
  }
};

}  // namespace

template <class Op>
static Result<OperatorPtr> parse_with_axis(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 0);
  FOVEA_TRY(attributes.finish());
  return make_operator<Op>(axis);
}

Result<OperatorPtr> parse_gather(const Node& node) { return parse_with_axis<Gather>(node); }
Result<OperatorPtr> parse_gather_elements(const Node& node) { return parse_with_axis<GatherElements>(node); }

Result<OperatorPtr> parse_gather_nd(const Node& node) {
  Attributes attributes(node);
  const int64_t batch_dims = node.opset >= 12 ? attributes.integer("batch_dims", 0) : 0;
  FOVEA_TRY(attributes.finish());
  return make_operator<GatherND>(batch_dims);
}

}  // namespace fovea::ops
