// ONNX Range: start, start + delta, ... up to, but without, limit.
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

struct Range final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kNumbers));
    for (size_t i : {0, 1, 2}) {
      FOVEA_TRY(expect_same_dtype(in, i, 0));
      if (element_count(in.shape(i)) != 1)
        return invalid_model("input {} must be one number, but has shape {}", i, to_string(in.shape(i)));
    }
    const Tensor start = FOVEA_TRY(in.value(0)), limit = FOVEA_TRY(in.value(1)), delta = FOVEA_TRY(in.value(2));
    const int64_t count = FOVEA_TRY(is_float(in.dtype(0)) ? count_steps<double>(start, limit, delta)
                                                          : count_steps<int64_t>(start, limit, delta));
    return one_output(in.dtype(0), {count});
  }

  // max(ceil((limit - start) / delta), 0)
  template <class C>
  static Result<int64_t> count_steps(const Tensor& from_value, const Tensor& to_value, const Tensor& by_value) {
    C start, limit, delta;
    read_block(from_value.dtype(), from_value.raw(), 1, &start);
    read_block(to_value.dtype(), to_value.raw(), 1, &limit);
    read_block(by_value.dtype(), by_value.raw(), 1, &delta);
    if (delta == 0) return invalid_model("delta is zero");
    if constexpr (std::is_same_v<C, double>) {
      const double steps = std::ceil((limit - start) / delta);
      if (!(steps < 0x1p62)) return invalid_model("from {} to {} by {} is not a finite range", start, limit, delta);
      return steps > 0 ? static_cast<int64_t>(steps) : 0;
    } else {
      // 65 bits hold the distance between any two numbers; as unsigned it fits into 64.
      if (start == limit || (start < limit) != (delta > 0)) return 0;
      const auto from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(limit);
      const uint64_t distance = delta > 0 ? to - from : from - to;
      const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
      const uint64_t steps = distance / step + (distance % step != 0 ? 1 : 0);
      if (steps >> 62 != 0) return invalid_model("from {} to {} by {} is too long", start, limit, delta);
      return static_cast<int64_t>(steps);
    }
  }

  Result<void> compute(Args in, Outs out) const override {
    return dispatch<NumberTypes>(in[0].dtype, [&]<class T>() {
      // In the widest type, each element from its index: no error builds up.
      using A = Accumulator<T>;
      const A start = convert<A>(*in[0].as<T>()), delta = convert<A>(*in[2].as<T>());
      for (int64_t i = 0; i < out[0].size(); ++i) {
        if constexpr (std::is_floating_point_v<A>)
          out[0].as<T>()[i] = convert<T>(start + static_cast<A>(i) * delta);
        else
          out[0].as<T>()[i] =
              static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
      }
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_range(const Node& node) {
  Attributes attributes(node);
  // The type in which 16-bit floats are summed; ours are double's anyway.
  if (node.opset >= 27) attributes.ignore("stash_type");
  FOVEA_TRY(attributes.finish());
  return make_operator<Range>();
}

}  // namespace fovea::ops
