#include "ops/clip.h"

#include <limits>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"

namespace fovea::ops {

Result<Types> Clip::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kNumbers));
  for (size_t i : {1, 2}) {
    if (!in.has(i)) continue;
    FOVEA_TRY(expect_same_dtype(in, i, 0));
    if (element_count(in.shape(i)) != 1)
      return invalid_model("bound {} must be one number, but has shape {}", i, to_string(in.shape(i)));
  }
  return Types{in.type(0)};
}

// Min(most, Max(least, x)): where the bounds cross, `most` wins. A bound that is left out is none, so infinity stays
// what it is.
Result<void> Clip::compute(Args in, Outs out) const {
  dispatch_computed(in[0].dtype, [&]<class C>() {
    using Limits = std::numeric_limits<C>;
    C low = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    C high = Limits::has_infinity ? Limits::infinity() : Limits::max();
    if (least) low = convert<C>(*least);
    if (most) high = convert<C>(*most);
    if (in.size() > 1 && in[1].present()) read_block(in[1].dtype, in[1].data, 1, &low);
    if (in.size() > 2 && in[2].present()) read_block(in[2].dtype, in[2].data, 1, &high);
    for_each_block<C>(in.first(1), out[0], [&](const C* const* x, C* y, int64_t n) {
      map_block(y, n, [from = x[0], low, high](int64_t i) {
        const C raised = from[i] < low ? low : from[i];
        return raised > high ? high : raised;
      });
    });
  });
  return {};
}

Result<OperatorPtr> parse_clip(const Node& node) {
  Attributes attributes(node);
  std::optional<float> least, most;
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  if (node.opset < 11) {
    // Opset 6 names the largest float as the default; opset 1 none.
    const float largest = node.opset < 6 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::max();
    least = attributes.number("min", -largest);
    most = attributes.number("max", largest);
  }
  FOVEA_TRY(attributes.finish());
  return make_operator<Clip>(least, most);
}

}  // namespace fovea::ops
