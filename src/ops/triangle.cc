// ONNX EyeLike and Trilu: matrices told by their diagonals.
#include <optional>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/onnx_dtype.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

struct EyeLike final : Operator {
  std::optional<DType> dtype;  // otherwise the input's
  int64_t k;                   // the diagonal: column minus row
  EyeLike(std::optional<DType> d, int64_t k_) : dtype(d), k(k_) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank(in, 0, 2));
    const DType type = dtype ? *dtype : in.dtype(0);
    return one_output(type, in.shape(0));
  }
  Result<void> compute(Args, Outs out) const override {
    const int64_t rows = out[0].shape[0], columns = out[0].shape[1];
    return dispatch<AllTypes>(out[0].dtype, [&]<class T>() {
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          out[0].as<T>()[row * columns + column] = convert<T>(column - row == k ? 1.0f : 0.0f);
    });
  }
};

struct Trilu final : Operator {
  bool upper;
  explicit Trilu(bool u) : upper(u) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank_at_least(in, 0, 2));
    if (in.has(1)) {
      FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
      if (element_count(in.shape(1)) != 1)
        return invalid_model("k must be one number, but has shape {}", to_string(in.shape(1)));
    }
    return Types{in.type(0)};
  }
  Result<void> compute(Args in, Outs out) const override {
    int64_t k = 0;
    if (in.size() > 1 && in[1].present()) read_block(in[1].dtype, in[1].data, 1, &k);
    const int64_t rank = in[0].rank();
    const int64_t rows = in[0].shape[static_cast<size_t>(rank - 2)];
    const int64_t columns = in[0].shape[static_cast<size_t>(rank - 1)];
    const int64_t matrices = extent_product(in[0].shape, 0, rank - 2);
    return dispatch_size(in[0].dtype, [&]<class T>() {
      const T* x = in[0].as<T>();
      T* y = out[0].as<T>();
      for (int64_t m = 0; m < matrices; ++m)
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t column = 0; column < columns; ++column, ++x, ++y)
            *y = (upper ? column - row >= k : column - row <= k) ? *x : T{};
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_eye_like(const Node& node) {
  Attributes attributes(node);
  std::optional<DType> dtype;
  const int64_t number = attributes.integer("dtype", 0), k = attributes.integer("k", 0);
  FOVEA_TRY(attributes.finish());
  if (attributes.has("dtype")) dtype = FOVEA_TRY(dtype_from_onnx(number));
  return make_operator<EyeLike>(dtype, k);
}

Result<OperatorPtr> parse_trilu(const Node& node) {
  Attributes attributes(node);
  const bool upper = attributes.flag("upper", true);
  FOVEA_TRY(attributes.finish());
  return make_operator<Trilu>(upper);
}

}  // namespace fovea::ops
