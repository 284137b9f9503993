#include "ops/constant.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

struct Constant final : Operator {
  Tensor value;
  explicit Constant(Tensor v) : value(std::move(v)) {}

  Result<Types> infer(const Inputs&) const override { return Types{value.type()}; }
  Result<void> compute(Args, Outs out) const override {
    if (value.bytes() > 0) std::memcpy(out[0].data, value.raw(), value.bytes());
    return {};
  }
};

struct ConstantOfShape final : Operator {
  Tensor value;
  explicit ConstantOfShape(Tensor v) : value(std::move(v)) {}

  Result<Types> infer(const Inputs& in) const override { return one_output(value.dtype(), FOVEA_TRY(in.integers(0))); }
  Result<void> compute(Args, Outs out) const override {
    return dispatch_size(value.dtype(),
                         [&]<class T>() { std::fill_n(out[0].as<T>(), out[0].size(), *value.data<T>()); });
  }
};

}  // namespace

Result<Tensor> constant_value(const Node& node) {
  Attributes attributes(node);
  for (std::string_view other : {"sparse_value", "value_string", "value_strings"})
    if (attributes.has(other)) return unsupported("a Constant with \"{}\"", other);
  if (node.attributes.size() != 1)
    return invalid_model("a Constant has exactly one value, but {} attributes are there", node.attributes.size());
  std::optional<Tensor> value = attributes.tensor("value");
  const float number = attributes.number("value_float", 0);
  const int64_t integer = attributes.integer("value_int", 0);
  const std::vector<float> numbers = attributes.numbers("value_floats");
  const std::vector<int64_t> integers = attributes.integers("value_ints");
  FOVEA_TRY(attributes.finish());
  if (value) return *std::move(value);
  if (attributes.has("value_float")) return Tensor::scalar(number);
  if (attributes.has("value_int")) return Tensor::scalar(integer);
  if (attributes.has("value_floats")) return Tensor::of<float>({static_cast<int64_t>(numbers.size())}, numbers);
  return Tensor::of<int64_t>({static_cast<int64_t>(integers.size())}, integers);
}

Result<OperatorPtr> parse_constant(const Node& node) {
  return make_operator<Constant>(FOVEA_TRY(constant_value(node)));
}

Result<OperatorPtr> parse_constant_of_shape(const Node& node) {
  Attributes attributes(node);
  const std::optional<Tensor> value = attributes.tensor("value");
  FOVEA_TRY(attributes.finish());
  if (value && value->size() != 1)
    return invalid_model("\"value\" must have one element, but has shape {}", to_string(value->shape()));
  return make_operator<ConstantOfShape>(value ? *value : Tensor::scalar(0.0f));
}

}  // namespace fovea::ops
