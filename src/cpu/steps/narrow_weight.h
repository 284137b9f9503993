// Weights of linear layers that are kept in fewer bits (kernels/narrow_panel.h): packed as they are, for engine files
// and for products that widen them panel by panel.
#pragma once

#include "cpu/steps/linear_form.h"
#include "kernels/narrow_panel.h"

namespace fovea::cpu {

/// A packed weight, with what keeps its numbers alive.
struct PackedNarrow {
  Tensor numbers, scales, zeros;  // the last two: of integers
  kernels::NarrowPanels panels;
};

/// Whether the weight of a linear layer is other than f32.
bool is_narrow(const LinearForm& form);

/// The weight in panels of so many columns. Error: those of PackedWeights::get.
Result<PackedNarrow> pack_narrow_weight(const LowerNode& node, const LinearForm& form, int64_t columns);

}  // namespace fovea::cpu
