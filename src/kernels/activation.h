// Functions that kernels apply to their results before they store them.
#pragma once

#include <cstdint>

namespace fovea::kernels {

enum class ActivationKind : int32_t {
  none,
  relu,          // max(x, 0)
  clip,          // min(max(x, alpha), beta)
  leaky_relu,    // x < 0 ? alpha * x : x
  hard_sigmoid,  // min(max(alpha * x + beta, 0), 1)
  hard_swish,    // x * min(max(x / 6 + 1/2, 0), 1)
  sigmoid,       // 1 / (1 + exp(-x))
  silu,          // x * sigmoid(alpha * x)
  tanh,
  erf,
  gelu,       // x * (1 + erf(x / sqrt 2)) / 2
  gelu_tanh,  // x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2
  exp,
  abs,
  negate,
  sqrt,
  reciprocal,
  square,
};

struct Activation {
  ActivationKind kind = ActivationKind::none;
  float alpha = 0, beta = 0;
};

}  // namespace fovea::kernels
