// Max, Mean, Min and Sum of any number of operands.
#pragma once

#include <string_view>

#include "ops/elementwise.h"

namespace fovea::ops {

struct Variadic final : Operator {
  enum class Function { max, mean, min, sum };
  Function function;
  bool broadcasts;  // since opset 8; before, shapes must be equal

  Variadic(Function f, bool b) : function(f), broadcasts(b) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
