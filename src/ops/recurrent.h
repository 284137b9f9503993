// ONNX RNN, LSTM and GRU: attributes, and the activation functions that they name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// An activation function with its parameters.
struct Activation {
  double (*function)(double x, double alpha, double beta) = nullptr;
  double alpha = 0, beta = 0;
  double operator()(double x) const { return function(x, alpha, beta); }
};
/// The functions of these names. Values of `alphas` and `betas` go, in order, to the functions that have such a
/// parameter; when they are used up the function's own default serves. Error: a name that ONNX does not have.
Result<std::vector<Activation>> read_activations(std::span<const std::string> names, std::span<const float> alphas,
                                                 std::span<const float> betas);

/// Inputs X, W, R, B, sequence_lens, initial_h and, of LSTM, initial_c, P. Outputs Y, Y_h and, of LSTM, Y_c.
struct Recurrent final : Operator {
  enum class Cell { rnn, lstm, gru };
  enum class Direction { forward, reverse, both };

  Cell cell = Cell::rnn;
  Direction direction = Direction::forward;
  std::vector<Activation> activations;  // those of the first direction, then those of the second
  std::optional<float> clip;            // bounds what goes into activations
  int64_t hidden_size = 0;              // 0: as the weights say
  bool batch_first = false;             // layout 1
  bool input_forget = false;            // of LSTM: the forget gate is 1 - the input gate
  bool linear_before_reset = false;     // of GRU

  int64_t gates() const { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
  int64_t directions() const { return direction == Direction::both ? 2 : 1; }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
