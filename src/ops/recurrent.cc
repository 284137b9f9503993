// ONNX RNN, LSTM and GRU.
#include "ops/recurrent.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

struct Geometry {
  int64_t steps, batch, input, hidden, directions;
  bool batch_first;

  /// Where the hidden state of a step, and where a last state begins.
  int64_t y(int64_t step, int64_t direction, int64_t image) const {
    return (batch_first ? (image * steps + step) * directions + direction
                        : (step * directions + direction) * batch + image) *
           hidden;
  }
  int64_t state(int64_t direction, int64_t image) const {
    return (batch_first ? image * directions + direction : direction * batch + image) * hidden;
  }
  int64_t x(int64_t step, int64_t image) const {
    return (batch_first ? image * steps + step : step * batch + image) * input;
  }

  Shape sequence_shape() const {
    return batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden};
  }
  Shape state_shape() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
};

Geometry geometry_of(const Recurrent& op, std::span<const int64_t> x, std::span<const int64_t> r) {
  return {x[op.batch_first ? 1 : 0], x[op.batch_first ? 0 : 1], x[2], r[2], op.directions(), op.batch_first};
}

/// The weights of one direction; `bias` is null where there is none, and so are the peepholes.
struct Weights {
  const double *w, *r, *bias, *peepholes;
};

/// y[i] += rows {n, length} * x.
void add_product(const double* rows, const double* x, int64_t n, int64_t length, double* y) {
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < length; ++k) sum += rows[i * length + k] * x[k];
    y[i] += sum;
  }
}

/// One cell: its state and the step that moves it on.
class CellState {
 public:
  std::vector<double> h, c;  // hidden state, and the cell of an LSTM

  CellState(const Recurrent& op, const Geometry& g, const Weights& weights, std::span<const Activation> activations)
      : op_(op), g_(g), weights_(weights), activations_(activations) {
    const auto one = static_cast<size_t>(g.hidden), all = static_cast<size_t>(op.gates() * g.hidden);
    for (auto* v : {&h, &c, &reset_}) v->resize(one);
    for (auto* v : {&from_x_, &from_h_}) v->resize(all);
  }

  void step(const double* x) {
    const int64_t n = op_.gates() * g_.hidden;
    for (int64_t i = 0; i < n; ++i) {
      at(from_x_, i) = weights_.bias ? weights_.bias[i] : 0;
      at(from_h_, i) = weights_.bias ? weights_.bias[n + i] : 0;
    }
    add_product(weights_.w, x, n, g_.input, from_x_.data());
    switch (op_.cell) {
      case Recurrent::Cell::rnn: return step_rnn();
      case Recurrent::Cell::lstm: return step_lstm();
      case Recurrent::Cell::gru: return step_gru();
    }
  }

 private:
  static double& at(std::vector<double>& v, int64_t i) { return v[static_cast<size_t>(i)]; }

  double activate(size_t which, double x) const {
    const double bound = op_.clip ? static_cast<double>(*op_.clip) : INFINITY;
    return activations_[which](std::isnan(x) ? x : std::fmin(std::fmax(x, -bound), bound));
  }

  void step_rnn() {
    add_product(weights_.r, h.data(), g_.hidden, g_.hidden, from_h_.data());
    for (int64_t i = 0; i < g_.hidden; ++i) at(h, i) = activate(0, at(from_x_, i) + at(from_h_, i));
  }

  // Gates in the order input, output, forget, cell; peepholes input, output, forget.
  void step_lstm() {
    const int64_t n = g_.hidden;
    add_product(weights_.r, h.data(), 4 * n, n, from_h_.data());
    const auto gate = [&](int64_t which, int64_t i) { return at(from_x_, which * n + i) + at(from_h_, which * n + i); };
    const auto peep = [&](int64_t which, int64_t i) {
      return weights_.peepholes ? weights_.peepholes[which * n + i] * at(c, i) : 0;
    };
    for (int64_t i = 0; i < n; ++i) {
      const double in = activate(0, gate(0, i) + peep(0, i));
      const double forget = op_.input_forget ? 1 - in : activate(0, gate(2, i) + peep(2, i));
      at(c, i) = forget * at(c, i) + in * activate(1, gate(3, i));
      const double out = activate(0, gate(1, i) + peep(1, i));  // sees the new cell
      at(h, i) = out * activations_[2](at(c, i));
    }
  }

  // Gates in the order update, reset, hidden.
  void step_gru() {
    const int64_t n = g_.hidden;
    add_product(weights_.r, h.data(), op_.linear_before_reset ? 3 * n : 2 * n, n, from_h_.data());
    for (int64_t i = 0; i < n; ++i) at(reset_, i) = activate(0, at(from_x_, n + i) + at(from_h_, n + i));
    if (op_.linear_before_reset) {
      for (int64_t i = 0; i < n; ++i) at(from_h_, 2 * n + i) *= at(reset_, i);
    } else {
      for (int64_t i = 0; i < n; ++i) at(reset_, i) *= at(h, i);
      add_product(weights_.r + 2 * n * n, reset_.data(), n, n, from_h_.data() + 2 * n);
    }
    for (int64_t i = 0; i < n; ++i) {
      const double update = activate(0, at(from_x_, i) + at(from_h_, i));
      const double hidden = activate(1, at(from_x_, 2 * n + i) + at(from_h_, 2 * n + i));
      at(h, i) = (1 - update) * hidden + update * at(h, i);
    }
  }

  const Recurrent& op_;
  const Geometry& g_;
  Weights weights_;
  std::span<const Activation> activations_;
  std::vector<double> from_x_, from_h_, reset_;
};

Result<OperatorPtr> parse(const Node& node, Recurrent::Cell cell, std::vector<std::string> functions) {
  Attributes attributes(node);
  auto op = std::make_unique<Recurrent>();
  op->cell = cell;
  const std::string direction = attributes.text("direction", "forward");
  op->hidden_size = attributes.integer("hidden_size", 0);
  op->batch_first = attributes.flag("layout", false);
  const float clip = attributes.number("clip", 0);
  if (attributes.has("clip")) op->clip = clip;
  if (cell == Recurrent::Cell::lstm) op->input_forget = attributes.flag("input_forget", false);
  if (cell == Recurrent::Cell::gru) op->linear_before_reset = attributes.flag("linear_before_reset", false);
  const auto given = attributes.texts("activations");
  const auto alphas = attributes.numbers("activation_alpha"), betas = attributes.numbers("activation_beta");
  if (node.opset < 7) attributes.ignore("output_sequence");
  FOVEA_TRY(attributes.finish());

  if (direction == "reverse")
    op->direction = Recurrent::Direction::reverse;
  else if (direction == "bidirectional")
    op->direction = Recurrent::Direction::both;
  else if (direction != "forward")
    return invalid_model("direction \"{}\" must be forward, reverse or bidirectional", direction);
  if (op->clip && !(*op->clip >= 0)) return invalid_model("attribute \"clip\" is {}, but must not be negative", clip);
  const std::vector<std::string> once = functions;
  if (op->direction == Recurrent::Direction::both) functions.insert(functions.end(), once.begin(), once.end());
  if (!given.empty() && given.size() != functions.size())
    return invalid_model("{} activations given, but {} are needed", given.size(), functions.size());
  op->activations = FOVEA_TRY(read_activations(given.empty() ? functions : given, alphas, betas));
  return OperatorPtr(std::move(op));
}

}  // namespace

Result<Types> Recurrent::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  for (size_t i = 0; i < 3; ++i) {
    FOVEA_TRY(expect_same_dtype(in, 0, i));
    FOVEA_TRY(expect_rank(in, i, 3));
    FOVEA_TRY(checked_type(in.dtype(i), in.shape(i)));
  }
  const Geometry g = geometry_of(*this, in.shape(0), in.shape(2));
  const auto rows = checked_mul(gates() * 2, g.hidden);
  if (!rows || g.hidden < 1 || (hidden_size != 0 && hidden_size != g.hidden))
    return invalid_model("the weights have {} hidden units, hidden_size is {}", g.hidden, hidden_size);
  FOVEA_TRY(expect_shape(in, 1, Shape{g.directions, *rows / 2, g.input}));
  FOVEA_TRY(expect_shape(in, 2, Shape{g.directions, *rows / 2, g.hidden}));
  if (in.has(3)) FOVEA_TRY(expect_shape(in, 3, Shape{g.directions, *rows}));
  if (in.has(4)) {
    constexpr DType kLengths[] = {DType::i32};
    FOVEA_TRY(expect_dtype(in, 4, kLengths));
    FOVEA_TRY(expect_shape(in, 4, Shape{g.batch}));
  }
  for (const size_t i : {5, 6})
    if (in.has(i)) FOVEA_TRY(expect_shape(in, i, g.state_shape()));
  if (in.has(7)) FOVEA_TRY(expect_shape(in, 7, Shape{g.directions, 3 * g.hidden}));
  for (const size_t i : {3, 5, 6, 7})
    if (in.has(i)) FOVEA_TRY(expect_same_dtype(in, 0, i));
  const TensorType state = FOVEA_TRY(checked_type(in.dtype(0), g.state_shape()));
  Types types{FOVEA_TRY(checked_type(in.dtype(0), g.sequence_shape())), state, state};
  types.resize(in.output_count());
  return types;
}

Result<void> Recurrent::compute(Args in, Outs out) const {
  const Geometry g = geometry_of(*this, in[0].shape, in[2].shape);
  std::vector<Tensor> wide(8);
  for (size_t i = 0; i < in.size(); ++i)
    if (i != 4 && in[i].present()) wide[i] = FOVEA_TRY(widen<double>(in[i]));
  const int32_t* lengths = in.size() > 4 && in[4].present() ? in[4].as<int32_t>() : nullptr;
  Tensor sequence = FOVEA_TRY(Tensor::allocate(DType::f64, g.sequence_shape()));
  auto* y = sequence.mutable_view().as<double>();
  const int64_t rows = gates() * g.hidden;
  // A part of an optional operand; null where it is left out.
  const auto part = [&](size_t i, int64_t offset) { return wide[i].raw() ? wide[i].data<double>() + offset : nullptr; };
  for (int64_t d = 0; d < g.directions; ++d) {
    const Weights weights{part(1, d * rows * g.input), part(2, d * rows * g.hidden), part(3, d * rows * 2),
                          part(7, d * 3 * g.hidden)};
    const size_t functions = activations.size() / static_cast<size_t>(g.directions);
    const bool backwards = direction == Direction::reverse || d == 1;
    CellState cell_state(*this, g, weights,
                         std::span(activations).subspan(static_cast<size_t>(d) * functions, functions));
    for (int64_t b = 0; b < g.batch; ++b) {
      const int64_t length = lengths ? lengths[b] : g.steps;
      if (length < 0 || length > g.steps)
        return invalid_argument("sequence length {} is outside 0 to {}", length, g.steps);
      const double *h = part(5, g.state(d, b)), *c = part(6, g.state(d, b));
      std::fill(cell_state.h.begin(), cell_state.h.end(), 0);
      std::fill(cell_state.c.begin(), cell_state.c.end(), 0);
      if (h) std::copy_n(h, g.hidden, cell_state.h.begin());
      if (c) std::copy_n(c, g.hidden, cell_state.c.begin());
      for (int64_t i = 0; i < length; ++i) {
        const int64_t step = backwards ? length - 1 - i : i;
        cell_state.step(wide[0].data<double>() + g.x(step, b));
        std::ranges::copy(cell_state.h, y + g.y(step, d, b));
      }
      if (out.size() > 1 && out[1].present()) narrow(cell_state.h.data(), g.hidden, out[1], g.state(d, b));
      if (out.size() > 2 && out[2].present()) narrow(cell_state.c.data(), g.hidden, out[2], g.state(d, b));
    }
  }
  if (!out.empty() && out[0].present()) narrow(y, sequence.size(), out[0]);
  return {};
}

Result<OperatorPtr> parse_rnn(const Node& node) { return parse(node, Recurrent::Cell::rnn, {"Tanh"}); }
Result<OperatorPtr> parse_lstm(const Node& node) {
  return parse(node, Recurrent::Cell::lstm, {"Sigmoid", "Tanh", "Tanh"});
}
Result<OperatorPtr> parse_gru(const Node& node) { return parse(node, Recurrent::Cell::gru, {"Sigmoid", "Tanh"}); }

}  // namespace fovea::ops
