// ONNX Pad.
#pragma once

#include <optional>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

enum class PadMode { constant, reflect, edge, wrap };

/// What is put before and after an axis; negative pads crop.
struct PadAxis {
  int64_t begin = 0, end = 0;
};

struct Pad final : Operator {
  PadMode mode;
  std::optional<std::vector<int64_t>> pads;  // before opset 11; inputs since then: data, pads, value, axes
  double value;                              // likewise

  Pad(PadMode m, std::optional<std::vector<int64_t>> p, double v) : mode(m), pads(std::move(p)), value(v) {}
  /// The pads of all axes of the input. Error: a list of the wrong length, a crop of more than there is, an output
  /// that is too large, nothing to reflect or repeat; needs_value.
  Result<std::vector<PadAxis>> resolve(const Inputs& in) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
