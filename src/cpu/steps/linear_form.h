// What steps of linear layers share: the form of MatMul, Gemm and fovea.MatMul with constant weights.
#pragma once

#include <optional>

#include "cpu/lower.h"
#include "kernels/activation.h"

namespace fovea::cpu {

struct LinearForm {
  const Tensor* weight = nullptr;  // {depth, columns}, or {columns, depth} where transposed
  bool transposed = false;
  int64_t depth = 0, columns = 0;
  ValueId bias = kNoValue, residual = kNoValue;
  bool residual_last = false;
  kernels::Activation activation;
};

/// nullopt for what is no linear layer, other types than f32, empty extents, an activation that kernels lack.
std::optional<LinearForm> linear_form(const LowerNode& node);

}  // namespace fovea::cpu
