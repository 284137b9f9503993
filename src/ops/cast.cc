// ONNX Cast, CastLike and BitCast. What Cast does to each number is in convert.h.
#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"
#include "ops/onnx_dtype.h"

namespace fovea::ops {
namespace {

struct Cast final : Operator {
  std::optional<DType> to;  // CastLike has it from its second input
  explicit Cast(std::optional<DType> t) : to(t) {}

  Result<Types> infer(const Inputs& in) const override { return Types{{to ? *to : in.dtype(1), in.shape(0)}}; }

  // The conversions before and after a function are all there is to do.
  Result<void> compute(Args in, Outs out) const override {
    dispatch_computed(in[0].dtype, [&]<class C>() {
      for_each_block<C>(in.first(1), out[0], [](const C* const* x, C* y, int64_t n) { std::copy_n(x[0], n, y); });
    });
    return {};
  }
};

struct BitCast final : Operator {
  DType to;
  explicit BitCast(DType t) : to(t) {}

  Result<Types> infer(const Inputs& in) const override {
    if (size_of(to) != size_of(in.dtype(0)))
      return invalid_model("{} and {} differ in size", name_of(in.dtype(0)), name_of(to));
    return Types{{to, in.shape(0)}};
  }
  Result<void> compute(Args in, Outs out) const override {
    if (const auto bytes = static_cast<size_t>(in[0].size()) * size_of(to); bytes > 0)
      std::memcpy(out[0].data, in[0].data, bytes);
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_cast(const Node& node) {
  Attributes attributes(node);
  attributes.require("to");
  attributes.ignore("saturate");  // only for the 8-bit floats
  attributes.ignore("round_mode");
  if (node.opset < 6) {  // by name
    const std::string name = attributes.text("to", "FLOAT");
    FOVEA_TRY(attributes.finish());
    return make_operator<Cast>(FOVEA_TRY(dtype_named(name)));
  }
  const int64_t number = attributes.integer("to", 0);
  FOVEA_TRY(attributes.finish());
  return make_operator<Cast>(FOVEA_TRY(dtype_from_onnx(number)));
}

Result<OperatorPtr> parse_cast_like(const Node& node) {
  Attributes attributes(node);
  attributes.ignore("saturate");
  attributes.ignore("round_mode");
  FOVEA_TRY(attributes.finish());
  return make_operator<Cast>(std::nullopt);
}

Result<OperatorPtr> parse_bit_cast(const Node& node) {
  Attributes attributes(node);
  attributes.require("to");
  const int64_t number = attributes.integer("to", 0);
  FOVEA_TRY(attributes.finish());
  return make_operator<BitCast>(FOVEA_TRY(dtype_from_onnx(number)));
}

}  // namespace fovea::ops
