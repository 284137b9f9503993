// ONNX Clip. Bounds are attributes before opset 11 and optional inputs 1 and 2 after.
#pragma once

#include <optional>

#include "ops/operator.h"

namespace fovea::ops {

struct Clip final : Operator {
  std::optional<float> least, most;  // from attributes only

  Clip(std::optional<float> least_, std::optional<float> most_) : least(least_), most(most_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
