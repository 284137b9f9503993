#include "ops/fovea_epilogue.h"

#include <algorithm>

#include "base/error.h"
#include "ops/attributes.h"

namespace fovea::ops {
namespace {

constexpr std::string_view kActivations[] = {"Relu",    "Clip",  "LeakyRelu", "HardSigmoid", "HardSwish",
                                             "Sigmoid", "Swish", "Tanh",      "Gelu",        "GeluTanh"};

/// The ONNX operator that computes the activation.
Result<OperatorPtr> parse_activation(std::string_view name, float alpha, float beta) {
  Node node;
  node.op_type = name == "GeluTanh" ? "Gelu" : std::string(name);
  node.opset = name == "Clip" ? 6 : 24;  // in opset 6 Clip's bounds are attributes
  if (name == "GeluTanh") node.attributes["approximate"] = std::string("tanh");
  if (name == "Clip") node.attributes = {{"min", alpha}, {"max", beta}};
  if (name == "LeakyRelu" || name == "Swish") node.attributes = {{"alpha", alpha}};
  if (name == "HardSigmoid") node.attributes = {{"alpha", alpha}, {"beta", beta}};
  node.inputs = {0};
  node.outputs = {1};
  return parse_operator(node);
}

void add(const TensorView& residual, const MutableView& y) {
  if (!residual.present()) return;
  const auto* r = residual.as<float>();
  auto* out = y.as<float>();
  for (int64_t i = 0; i < y.size(); ++i) out[i] += r[i];
}

}  // namespace

Result<FoveaEpilogue> FoveaEpilogue::parse(Attributes& attributes) {
  FoveaEpilogue epilogue;
  const std::string name = attributes.text("activation", "");
  const float alpha = attributes.number("alpha", 0), beta = attributes.number("beta", 0);
  epilogue.residual_last = attributes.flag("residual_last", false);
  if (name.empty()) return epilogue;
  if (std::ranges::find(kActivations, name) == std::ranges::end(kActivations))
    return invalid_model("activation \"{}\" is not one that kernels have", name);
  epilogue.activation = FOVEA_TRY(parse_activation(name, alpha, beta));
  return epilogue;
}

Result<void> FoveaEpilogue::apply(const TensorView& residual, const MutableView& y) const {
  if (!residual_last) add(residual, y);
  if (activation) {
    Tensor before = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(y.shape.begin(), y.shape.end())));
    std::copy_n(y.as<float>(), y.size(), before.mutable_view().as<float>());
    const TensorView in[] = {before.view()};
    const MutableView out[] = {y};
    FOVEA_TRY(activation->compute(in, out));
  }
  if (residual_last) add(residual, y);
  return {};
}

}  // namespace fovea::ops
