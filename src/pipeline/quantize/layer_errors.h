// How far each stored value of the int8 model is from the float model's.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/quantize/input_reader.h"
#include "quantize/scales.h"

namespace fovea::pipeline {

/// Signal to quantisation noise, in dB; more is better, 200 means equal.
struct LayerError {
  std::string value;
  double own_db = 0;    // from storing this value alone in 8 bits
  double total_db = 0;  // with all that came before it in int8, too
};

/// Over these photos. `quantised` is what quantize::insert made of `graph` with these scales. In the graph's order.
/// `step` is called before each run of a model and may stop it by false. Error: the engine's; unavailable when stopped.
Result<std::vector<LayerError>> layer_errors(const Graph& graph, const Graph& quantised, const quantize::Scales& scales,
                                             const InputReader& reader, std::span<const Photo> photos,
                                             int64_t most_tap_bytes, int threads, const std::function<bool()>& step);

}  // namespace fovea::pipeline
