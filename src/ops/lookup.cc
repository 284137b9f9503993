#include "ops/lookup.h"

#include "base/error.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/shapes.h"

namespace fovea::ops {

Result<void> expect_table(const Inputs& in, size_t x, size_t table) {
  if (in.shape(table).size() == 1) return expect_shape(in, table, Shape{256});
  if (in.shape(x).empty()) return invalid_model("a table for each channel of a number");
  return expect_shape(in, table, Shape{in.shape(x).back(), 256});
}

void look_up(const TensorView& x, const TensorView& table, const MutableView& y) {
  const int32_t first = x.dtype == DType::i8 ? -128 : 0;
  const int64_t channels = table.rank() == 1 ? 1 : table.shape[0];
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t at = i % channels * 256 + byte_at(x, i) - first;
    if (table.dtype == DType::f32)
      y.as<float>()[i] = table.as<float>()[at];
    else
      set_byte(y, i, byte_at(table, at));
  }
}

Result<Tensor> looked_up(const TensorView& x, const TensorView& table) {
  Tensor y = FOVEA_TRY(Tensor::allocate(table.dtype, Shape(x.shape.begin(), x.shape.end())));
  look_up(x, table, y.mutable_view());
  return y;
}

}  // namespace fovea::ops
