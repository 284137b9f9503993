#include "ops/fovea_rope.h"

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {
constexpr DType kF32[] = {DType::f32};
}

Result<Types> FoveaRope::infer(const Inputs& in) const {
  for (size_t i = 0; i < 3; ++i) FOVEA_TRY(expect_dtype(in, i, kF32));
  FOVEA_TRY(expect_rank_at_least(in, 0, 2));
  const Shape& x = in.shape(0);
  const int64_t tokens = x[x.size() - 2], depth = x.back();
  if (form.skip < 0 || form.skip > tokens || depth % 2 != 0)
    return invalid_model("{} tokens are skipped of {}", form.skip, to_string(in.type(0)));
  for (size_t i = 1; i < 3; ++i) FOVEA_TRY(expect_shape(in, i, Shape{tokens - form.skip, depth}));
  return Types{in.type(0)};
}

Result<void> FoveaRope::compute(Args in, Outs out) const {
  const auto *x = in[0].as<float>(), *cos = in[1].as<float>(), *sin = in[2].as<float>();
  auto* y = out[0].as<float>();
  const int64_t depth = in[0].shape.back(), tokens = in[0].shape[in[0].shape.size() - 2], size = in[0].size();
  for (int64_t i = 0; i < size; ++i) {
    const int64_t c = i % depth, t = i / depth % tokens - form.skip, row = i - c;
    y[i] = t < 0
               ? x[i]
               : x[i] * cos[t * depth + c] + form.sign(c, depth) * x[row + form.partner(c, depth)] * sin[t * depth + c];
  }
  return {};
}

Result<OperatorPtr> parse_fovea_rope(const Node& node) {
  Attributes attributes(node);
  RopeForm form;
  form.skip = attributes.integer("skip", 0);
  form.interleaved = attributes.flag("interleaved", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaRope>(form);
}

}  // namespace fovea::ops
