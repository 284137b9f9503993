// ONNX Pow: base and exponent may differ in type since opset 12; the result has the base's.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/binary.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

// x^2 is what models ask for, and a product is both faster and exact.
template <class T>
T power(T x, T exponent) {
  if constexpr (std::is_integral_v<T>)
    return integer_power(x, static_cast<int64_t>(exponent));
  else
    return exponent == 2 ? x * x : std::pow(x, exponent);
}

struct Pow final : Operator {
  std::optional<LegacyBroadcast> legacy;
  explicit Pow(std::optional<LegacyBroadcast> l) : legacy(l) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kNumbers));
    FOVEA_TRY(expect_dtype(in, 1, kNumbers));
    const Shape second = legacy ? FOVEA_TRY(legacy->align(in.shape(0), in.shape(1))) : in.shape(1);
    Shape shape = FOVEA_TRY(broadcast(in.shape(0), second));
    return one_output(in.dtype(0), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    const Shape second =
        legacy ? FOVEA_TRY(legacy->align(in[0].shape, in[1].shape)) : Shape(in[1].shape.begin(), in[1].shape.end());
    const TensorView operands[] = {in[0], {in[1].dtype, second, in[1].data}};
    const auto run = [&]<class C>() {
      for_each_block<C>(operands, out[0], [](const C* const* x, C* y, int64_t n) {
        map_block(y, n, [&](int64_t i) { return power(x[0][i], x[1][i]); });
      });
    };
    const bool integers = is_integer(in[0].dtype) && is_integer(in[1].dtype);
    const auto fits_float = [](DType d) { return is_float(d) && d != DType::f64; };
    if (integers)
      run.template operator()<int64_t>();
    else if (fits_float(in[0].dtype) && fits_float(in[1].dtype))
      run.template operator()<float>();
    else
      run.template operator()<double>();
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_pow(const Node& node) {
  Attributes attributes(node);
  std::optional<LegacyBroadcast> legacy;
  if (node.opset < 7) legacy = LegacyBroadcast::parse(attributes);
  FOVEA_TRY(attributes.finish());
  return make_operator<Pow>(legacy);
}

}  // namespace fovea::ops
