// Elementwise functions of one operand: mathematics and activations.
#pragma once

#include <string_view>

#include "ops/elementwise.h"

namespace fovea::ops {

/// What a function reads beside its operand: numbers from the node's attributes.
template <class Real>
struct UnaryParameters {
  Real alpha, beta;
};

/// y[0, n) from x[0, n); n <= kBlock.
template <class C>
using UnaryBlock = void (*)(const C* x, C* y, int64_t n, const UnaryParameters<double>& p);

/// One function: a line of the table in unary.cc.
struct UnaryFunction {
  std::string_view name;     // of the operator
  std::string_view variant;  // "tanh" for Gelu's approximation
  std::span<const DType> dtypes;
  ForEachComputed<UnaryBlock> blocks;
  std::string_view alpha = {}, beta = {};  // names of the attributes that are its parameters; empty: none
  float alpha_default = 0, beta_default = 0;
  bool predicate = false;  // gives bool
};

struct Unary final : Operator {
  const UnaryFunction* function;
  float alpha, beta;

  Unary(const UnaryFunction* f, float a, float b) : function(f), alpha(a), beta(b) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
