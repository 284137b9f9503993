// ONNX OneHot: a new axis of `depth`, on_value at the index and off_value elsewhere. An index outside [-depth, depth)
// is nowhere on.
#include <algorithm>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

struct OneHot final : Operator {
  int64_t axis;
  explicit OneHot(int64_t a) : axis(a) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kNumbers));
    FOVEA_TRY(expect_dtype(in, 1, kNumbers));
    FOVEA_TRY(expect_shape(in, 2, std::array<int64_t, 1>{2}));
    if (element_count(in.shape(1)) != 1)
      return invalid_model("depth must be one number, but has shape {}", to_string(in.shape(1)));
    const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0) + 1));
    const Tensor value = FOVEA_TRY(in.value(1));
    int64_t depth = 0;
    read_as_integer(value.view(), 0, &depth);
    if (depth < 0) return invalid_model("depth {} is negative", depth);
    Shape shape = in.shape(0);
    shape.insert(shape.begin() + at, depth);
    return one_output(in.dtype(2), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    const int64_t rank = out[0].rank();
    const int64_t at = axis < 0 ? axis + rank : axis;
    const int64_t depth = out[0].shape[static_cast<size_t>(at)];
    const int64_t inner = extent_product(out[0].shape, at + 1, rank);
    return dispatch_size(out[0].dtype, [&]<class T>() {
      T* y = out[0].as<T>();
      const T off = in[2].as<T>()[0], on = in[2].as<T>()[1];
      std::fill_n(y, out[0].size(), off);
      for (int64_t i = 0; i < in[0].size() && depth > 0; ++i) {
        int64_t index;
        read_as_integer(in[0], i, &index);
        if (index < -depth || index >= depth) continue;
        y[(i / inner * depth + (index < 0 ? index + depth : index)) * inner + i % inner] = on;
      }
    });
  }

  // Floats are cut off.
  static void read_as_integer(const TensorView& x, int64_t at, int64_t* to) {
    read_block(x.dtype, static_cast<const std::byte*>(x.data) + at * static_cast<int64_t>(size_of(x.dtype)), 1, to);
  }
};

}  // namespace

Result<OperatorPtr> parse_one_hot(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", -1);
  FOVEA_TRY(attributes.finish());
  return make_operator<OneHot>(axis);
}

}  // namespace fovea::ops
