// Writing int8 into a graph the way every runtime reads it: QuantizeLinear and DequantizeLinear around float operators.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quantize/scales.h"
#include "quantize/select.h"

namespace fovea::quantize {

struct InsertOptions {
  /// Biases as i32 of input scale * weight scale, as ONNX Runtime and OpenVINO fold them into the integer product.
  /// TensorRT takes float biases only.
  bool integer_bias = true;
};

/// What became of a weight, for reports.
struct WeightReport {
  std::string node;
  double sqnr_db = 0;  // of the stored weight against the float one
};

struct Inserted {
  Graph graph;
  std::vector<WeightReport> weights;
};

/// The graph with
///   - a pair Q, DQ behind each stored value, read by its users as the selection says;
///   - weights as i8 constants with one scale a channel, behind a DQ; biases as i32 likewise;
///   - Relu and Clip left out where Q cuts off at the same values anyway.
/// Names are those that ONNX Runtime's quantizer gives: x_QuantizeLinear, x_scale, x_zero_point, w_quantized. All nodes
/// of ONNX's own domain must have one opset, at least 13 (prepare() sees to it). Error: invalid_model for weights that
/// are not finite; out_of_memory.
Result<Inserted> insert(const Graph& graph, const Selection& selection, const Scales& scales,
                        const InsertOptions& options);

}  // namespace fovea::quantize
