#include "ops/fovea_gate.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kF32[] = {DType::f32};

Result<FoveaGate::Rows> read_rows(Attributes& attributes, std::string_view name) {
  attributes.require(name);
  const std::vector<int64_t> v = attributes.integers(name);
  if (v.size() != 2 || v[0] < 0 || v[1] < 0)
    return invalid_model("attribute \"{}\" is no offset and stride of rows", name);
  return FoveaGate::Rows{v[0], v[1]};
}

}  // namespace

Result<Types> FoveaGate::infer(const Inputs& in) const {
  for (size_t i = 0; i < 2; ++i) {
    FOVEA_TRY(expect_dtype(in, i, kF32));
    const Rows& r = i == 0 ? a : b;
    const auto step = checked_mul(r.stride, rows() - 1);
    const auto begin = step ? checked_add(*step, r.offset) : std::nullopt;
    const auto end = begin ? checked_add(*begin, shape.back()) : std::nullopt;
    if (!end || *end > element_count(in.shape(i)))
      return invalid_model("rows reach outside of {}", to_string(in.type(i)));
  }
  return Types{{DType::f32, shape}};
}

Result<void> FoveaGate::compute(Args in, Outs out) const {
  const int64_t width = shape.back();
  Tensor from = FOVEA_TRY(Tensor::allocate(DType::f32, {width})), to = FOVEA_TRY(Tensor::allocate(DType::f32, {width}));
  for (int64_t r = 0; r < rows(); ++r) {
    std::copy_n(in[0].as<float>() + a.offset + r * a.stride, width, from.mutable_view().as<float>());
    const TensorView args[] = {from.view()};
    const MutableView results[] = {to.mutable_view()};
    FOVEA_TRY(function->compute(args, results));
    const float* other = in[1].as<float>() + b.offset + r * b.stride;
    for (int64_t c = 0; c < width; ++c) out[0].as<float>()[r * width + c] = to.data<float>()[c] * other[c];
  }
  return {};
}

Result<OperatorPtr> parse_fovea_gate(const Node& node) {
  Attributes attributes(node);
  FoveaGate gate;
  attributes.require("shape");
  gate.shape = attributes.integers("shape");
  gate.a = FOVEA_TRY(read_rows(attributes, "a"));
  gate.b = FOVEA_TRY(read_rows(attributes, "b"));
  attributes.require("activation");
  gate.activation = attributes.text("activation", "");
  FOVEA_TRY(attributes.finish());
  if (gate.shape.empty() || std::ranges::any_of(gate.shape, [](int64_t n) { return n < 1; }))
    return invalid_model("attribute \"shape\" has no extents, or one below 1");
  FOVEA_TRY(checked_bytes(DType::f32, gate.shape));
  constexpr std::string_view kFunctions[] = {"Swish", "Gelu", "GeluTanh", "Sigmoid"};
  if (std::ranges::find(kFunctions, gate.activation) == std::ranges::end(kFunctions))
    return invalid_model("activation \"{}\" is not one that gates have", gate.activation);
  Node function;
  function.op_type = gate.activation == "GeluTanh" ? "Gelu" : gate.activation;
  function.opset = 24;
  if (gate.activation == "GeluTanh") function.attributes["approximate"] = std::string("tanh");
  function.inputs = {0};
  function.outputs = {1};
  gate.function = FOVEA_TRY(parse_operator(function));
  return make_operator<FoveaGate>(std::move(gate));
}

}  // namespace fovea::ops
