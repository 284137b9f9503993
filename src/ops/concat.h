// ONNX Concat and Split.
#pragma once

#include <optional>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

struct Concat final : Operator {
  int64_t axis;  // may count from the back

  explicit Concat(int64_t a) : axis(a) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

struct Split final : Operator {
  int64_t axis;                               // may count from the back
  std::optional<std::vector<int64_t>> parts;  // lengths, before opset 13; input 1 since then
  bool equal_parts;                           // before opset 18, without lengths; since then the last may be shorter
  int64_t outputs;

  Split(int64_t a, std::optional<std::vector<int64_t>> p, bool e, int64_t n)
      : axis(a), parts(std::move(p)), equal_parts(e), outputs(n) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
