// Operators that compute on quantised tensors, as ONNX Runtime's quantiser writes them, seen as what they are: some
// operands dequantised, an operator over floats, its result quantised.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace fovea::ops {

struct QuantisedForm {
  /// Positions of a tensor, its scale and its zero point among the node's inputs.
  struct Operand {
    size_t x, scale, zero;
    int64_t axis = 0;  // of the scales, where there are several
  };
  std::vector<Operand> operands;
  /// An i32 operand scaled by the product of the first two operands' scales.
  std::optional<size_t> bias;
  size_t y_scale = 0, y_zero = 0;  // positions; where no scale is given the result is f32
  Node inner;                      // the operator over floats: its attributes; operands in order, then the bias
};

/// The form of QLinearConv, QLinearMatMul and of com.microsoft's QGemm, QLinearAdd, QLinearMul, QLinearConcat,
/// QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax, QLinearAveragePool, QLinearGlobalAveragePool; nullopt for others,
/// and for channels_last.
std::optional<QuantisedForm> quantised_form(const Node& node);

}  // namespace fovea::ops
