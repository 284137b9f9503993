// The activation functions that RNN, LSTM and GRU know by name.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "ops/recurrent.h"

namespace fovea::ops {
namespace {

struct Function {
  std::string_view name;
  double (*function)(double x, double alpha, double beta);
  std::optional<double> alpha = {}, beta = {};  // defaults of the parameters that the function has
};

const Function kFunctions[] = {
    {"Affine", [](double x, double a, double b) { return a * x + b; }, 1, 0},
    {"Elu", [](double x, double a, double) { return x >= 0 ? x : a * std::expm1(x); }, 1},
    {"HardSigmoid", [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }, 0.2, 0.5},
    {"LeakyRelu", [](double x, double a, double) { return x >= 0 ? x : a * x; }, 0.01},
    {"Relu", [](double x, double, double) { return std::fmax(x, 0); }},
    {"ScaledTanh", [](double x, double a, double b) { return a * std::tanh(b * x); }, 1, 1},
    {"Sigmoid", [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
    {"Softplus", [](double x, double, double) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }},
    {"Softsign", [](double x, double, double) { return x / (1 + std::fabs(x)); }},
    {"Tanh", [](double x, double, double) { return std::tanh(x); }},
    {"ThresholdedRelu", [](double x, double a, double) { return x >= a ? x : 0; }, 1},
};

/// The next value of a list, or the default where it is used up.
double take(std::span<const float>& values, double fallback) {
  if (values.empty()) return fallback;
  const float value = values.front();
  values = values.subspan(1);
  return static_cast<double>(value);
}

}  // namespace

Result<std::vector<Activation>> read_activations(std::span<const std::string> names, std::span<const float> alphas,
                                                 std::span<const float> betas) {
  std::vector<Activation> activations;
  for (const std::string& name : names) {
    const auto* const found = std::ranges::find(kFunctions, name, &Function::name);
    if (found == std::end(kFunctions)) return invalid_model("\"{}\" is no activation function that ONNX has", name);
    Activation activation{found->function};
    if (found->alpha) activation.alpha = take(alphas, *found->alpha);
    if (found->beta) activation.beta = take(betas, *found->beta);
    activations.push_back(activation);
  }
  return activations;
}

}  // namespace fovea::ops
