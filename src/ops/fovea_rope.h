// fovea.Rope: a rotary position embedding. Inputs x {..., tokens, depth}, cos and sin {tokens - skip, depth}; output as
// x.
//
//     y = x * cos + rotated(x) * sin     for tokens from `skip` on; those before (class and register tokens) stay
//
// rotated(x) is (-x1, x0, -x3, x2, ...) where "interleaved", else (-second half, first half).
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

struct RopeForm {
  int64_t skip = 0;
  bool interleaved = false;

  /// For channel c of `depth`: the channel that takes its place, and its sign.
  int64_t partner(int64_t c, int64_t depth) const {
    if (interleaved) return c ^ 1;
    return c < depth / 2 ? c + depth / 2 : c - depth / 2;
  }
  float sign(int64_t c, int64_t depth) const { return (interleaved ? c % 2 == 0 : c < depth / 2) ? -1.0f : 1.0f; }
};

struct FoveaRope final : Operator {
  RopeForm form;
  explicit FoveaRope(RopeForm f) : form(f) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
