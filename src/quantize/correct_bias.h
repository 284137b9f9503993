// Bias correction: rounding weights shifts the mean of a channel's results; the bias takes the shift back.
#pragma once

#include <map>

#include "quantize/scales.h"
#include "quantize/select.h"

namespace fovea::quantize {

/// For each product with constant weights, b -= (W' - W) E[x], where W' is the stored weight and E[x] the mean of each
/// input channel over the calibration photos (M. Nagel et al., Data-Free Quantization Through Weight Equalization and
/// Bias Correction, 2019, with measured means). A Conv or Gemm without a bias gets one; a MatMul takes part where a
/// constant is added to its result next. Borders of padded convolutions are counted like the inside. Returns how many
/// biases changed; `selection` is renewed where nodes got a bias. Error: as quantize_weight.
Result<int> correct_bias(Graph& graph, Selection& selection, const Scales& scales,
                         const std::map<ValueId, std::vector<double>>& means);

}  // namespace fovea::quantize
