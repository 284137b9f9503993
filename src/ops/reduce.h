// ONNX's reductions: ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin, ReduceProd,
// ReduceSum, ReduceSumSquare.
#pragma once

#include <string_view>
#include <vector>

#include "ops/elementwise.h"

namespace fovea::ops {

/// Which elements fall together: dimensions that are kept and dimensions that are reduced, neighbours of a kind merged.
struct ReducePlan {
  Shape kept, reduced;                  // extents, outermost first
  Shape kept_strides, reduced_strides;  // in elements of the input
  int64_t count = 1;                    // elements that become one
  bool innermost_reduced = false;       // the last dimension of the input is reduced, not kept
};
/// Precondition: axes are in range and different.
ReducePlan plan_reduction(std::span<const int64_t> shape, std::span<const int64_t> axes);
/// The shape with `axes` reduced to 1, or left out.
Shape reduced_shape(std::span<const int64_t> shape, std::span<const int64_t> axes, bool keepdims);

struct ReduceFunction;  // a line of the table in reduce.cc

struct Reduce final : Operator {
  const ReduceFunction* function;
  bool axes_are_input;        // since opset 18, of ReduceSum since 13; before, an attribute
  std::vector<int64_t> axes;  // the attribute; empty: all
  bool keepdims = true;
  bool noop_with_empty_axes = false;

  Reduce(const ReduceFunction* f, bool input) : function(f), axes_are_input(input) {}
  std::string_view name() const;  // of the operator: "ReduceMean"
  /// The axes counted from the front. Error: needs_value where they are an input that is not known.
  Result<std::vector<int64_t>> resolve_axes(const Inputs& in) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
