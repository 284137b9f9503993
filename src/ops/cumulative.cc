// ONNX CumSum and CumProd along an axis.
#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"

namespace fovea::ops {
namespace {

struct Cumulative final : Operator {
  bool product, exclusive, reverse;
  Cumulative(bool p, bool e, bool r) : product(p), exclusive(e), reverse(r) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kNumbers));
    FOVEA_TRY(expect_dtype(in, 1, kIndexTypes));
    if (element_count(in.shape(1)) != 1)
      return invalid_model("the axis must be one number, but has shape {}", to_string(in.shape(1)));
    return Types{in.type(0)};
  }

  Result<void> compute(Args in, Outs out) const override {
    int64_t axis = 0;
    read_block(in[1].dtype, in[1].data, 1, &axis);
    axis = FOVEA_TRY(normalize_axis(axis, in[0].rank()));
    const int64_t outer = extent_product(in[0].shape, 0, axis);
    const int64_t length = in[0].shape[static_cast<size_t>(axis)];
    const int64_t inner = extent_product(in[0].shape, axis + 1, in[0].rank());
    return dispatch<NumberTypes>(in[0].dtype, [&]<class T>() {
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          const int64_t first = (o * length + (reverse ? length - 1 : 0)) * inner + i;
          row(in[0].as<T>() + first, out[0].as<T>() + first, length, reverse ? -inner : inner);
        }
    });
  }

  template <class T>
  void row(const T* x, T* y, int64_t length, int64_t stride) const {
    using A = Accumulator<T>;
    A so_far = product ? 1 : 0;
    for (int64_t k = 0; k < length; ++k) {
      const A next = convert<A>(x[k * stride]);
      if (exclusive) y[k * stride] = convert<T>(so_far);
      so_far = product ? multiply(so_far, next) : add(so_far, next);
      if (!exclusive) y[k * stride] = convert<T>(so_far);
    }
  }
};

}  // namespace

Result<OperatorPtr> parse_cumulative(const Node& node) {
  Attributes attributes(node);
  const bool exclusive = attributes.flag("exclusive", false), reverse = attributes.flag("reverse", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<Cumulative>(node.op_type == "CumProd", exclusive, reverse);
}

}  // namespace fovea::ops
