// What fused operators of domain "fovea" do to their result: add a residual, apply an activation.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

class Attributes;

/// Attributes "activation" (an ONNX operator's name, "GeluTanh", or nothing), "alpha", "beta" (its parameters; Clip's
/// bounds) and "residual_last" (the residual is added behind the activation, not before).
struct FoveaEpilogue {
  std::shared_ptr<const Operator> activation;  // nullptr: none
  bool residual_last = false;

  /// Error: an activation that is not one of those that kernels have.
  static Result<FoveaEpilogue> parse(Attributes& attributes);
  /// y = act(y + residual), or act(y) + residual; all f32 of the same shape. The residual may be left out.
  Result<void> apply(const TensorView& residual, const MutableView& y) const;
};

}  // namespace fovea::ops
