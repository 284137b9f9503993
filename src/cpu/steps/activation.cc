// Which of the kernels' activations a node stands for.
#include <algorithm>
#include <limits>

#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

using kernels::Activation;
using kernels::ActivationKind;

/// Clip with bounds from attributes (before opset 11) or constant inputs.
std::optional<Activation> clip_of(const LowerNode& node) {
  Activation act{ActivationKind::clip, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()};
  act.alpha = node.real("min", act.alpha);
  act.beta = node.real("max", act.beta);
  for (size_t i = 1; i < 3; ++i) {
    if (!node.has(i)) continue;
    const Tensor* bound = node.constant(i);
    if (bound == nullptr || bound->dtype() != DType::f32 || bound->size() != 1) return std::nullopt;
    (i == 1 ? act.alpha : act.beta) = bound->data<float>()[0];
  }
  return act;
}

}  // namespace

std::optional<Activation> activation_of(const LowerNode& node) {
  const Node& n = node.node;
  if (!n.domain.empty()) return std::nullopt;
  const auto is = [&](std::string_view type) { return n.op_type == type; };
  if (is("Relu")) return Activation{ActivationKind::relu};
  if (is("Clip")) return clip_of(node);
  if (is("LeakyRelu")) return Activation{ActivationKind::leaky_relu, node.real("alpha", 0.01f)};
  if (is("HardSigmoid"))
    return Activation{ActivationKind::hard_sigmoid, node.real("alpha", 0.2f), node.real("beta", 0.5f)};
  if (is("HardSwish")) return Activation{ActivationKind::hard_swish};
  if (is("Sigmoid")) return Activation{ActivationKind::sigmoid};
  if (is("Swish")) return Activation{ActivationKind::silu, node.real("alpha", 1.0f)};
  if (is("Tanh")) return Activation{ActivationKind::tanh};
  if (is("Erf")) return Activation{ActivationKind::erf};
  if (is("Exp")) return Activation{ActivationKind::exp};
  if (is("Abs")) return Activation{ActivationKind::abs};
  if (is("Neg")) return Activation{ActivationKind::negate};
  if (is("Sqrt")) return Activation{ActivationKind::sqrt};
  if (is("Reciprocal")) return Activation{ActivationKind::reciprocal};
  if (is("Gelu")) {
    const auto* approximate = n.attribute<std::string>("approximate");
    return Activation{approximate && *approximate == "tanh" ? ActivationKind::gelu_tanh : ActivationKind::gelu};
  }
  return std::nullopt;
}

std::optional<Activation> fused_activation(const LowerNode& node) {
  return fused_activation(node, "activation", "alpha", "beta");
}

std::optional<Activation> fused_activation(const LowerNode& node, std::string_view name_key, std::string_view alpha_key,
                                           std::string_view beta_key) {
  const auto* name = node.node.attribute<std::string>(name_key);
  if (name == nullptr || name->empty() || *name == "none") return Activation{};
  const float alpha = node.real(alpha_key, 0), beta = node.real(beta_key, 0);
  if (*name == "Relu") return Activation{ActivationKind::relu};
  if (*name == "Clip") return Activation{ActivationKind::clip, alpha, beta};
  if (*name == "LeakyRelu") return Activation{ActivationKind::leaky_relu, alpha};
  if (*name == "HardSigmoid") return Activation{ActivationKind::hard_sigmoid, alpha, beta};
  if (*name == "HardSwish") return Activation{ActivationKind::hard_swish};
  if (*name == "Sigmoid") return Activation{ActivationKind::sigmoid};
  if (*name == "Swish") return Activation{ActivationKind::silu, alpha};
  if (*name == "Tanh") return Activation{ActivationKind::tanh};
  if (*name == "Gelu") return Activation{ActivationKind::gelu};
  if (*name == "GeluTanh") return Activation{ActivationKind::gelu_tanh};
  return std::nullopt;
}

bool all_f32(const LowerNode& node) {
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.has(i) && node.inputs[i].dtype != DType::f32) return false;
  return std::ranges::all_of(node.outputs, [](const TensorType& t) { return t.dtype == DType::f32; });
}

}  // namespace fovea::cpu
