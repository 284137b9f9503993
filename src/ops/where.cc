// ONNX Where: condition ? x : y, all three broadcast together.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

struct Where final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kBoolean));
    FOVEA_TRY(expect_same_dtype(in, 2, 1));
    Shape shape = FOVEA_TRY(broadcast(FOVEA_TRY(broadcast(in.shape(0), in.shape(1))), in.shape(2)));
    return one_output(in.dtype(1), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    return dispatch_size(in[1].dtype, [&]<class T>() {
      const std::span<const int64_t> shapes[] = {in[0].shape, in[1].shape, in[2].shape};
      const BroadcastRows rows = broadcast_rows(shapes, out[0].shape);
      if (rows.length == 0) return;
      const std::array<Shape, 3> strides = {rows.strides[0], rows.strides[1], rows.strides[2]};
      const int64_t step[] = {!rows.repeats[0], !rows.repeats[1], !rows.repeats[2]};
      T* to = out[0].as<T>();
      for_each_index(rows.outer, strides, [&](const std::array<int64_t, 3>& offsets) {
        const uint8_t* condition = in[0].as<uint8_t>() + offsets[0];
        const T* x = in[1].as<T>() + offsets[1];
        const T* y = in[2].as<T>() + offsets[2];
        for (int64_t i = 0; i < rows.length; ++i) *to++ = condition[i * step[0]] != 0 ? x[i * step[1]] : y[i * step[2]];
      });
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_where(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<Where>();
}

}  // namespace fovea::ops
