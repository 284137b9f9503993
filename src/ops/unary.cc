// Elementwise functions of one operand, a line each.
#include "ops/unary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"

namespace fovea::ops {
namespace {

template <class C>
using RealOf = std::conditional_t<std::is_same_v<C, float>, float, double>;

template <class C, class F>
void block(const C* __restrict x, C* __restrict y, int64_t n, const UnaryParameters<double>& p) {
  using Real = RealOf<C>;
  const UnaryParameters<Real> parameters{static_cast<Real>(p.alpha), static_cast<Real>(p.beta)};
  map_block(y, n, [&](int64_t i) { return convert<C>(F{}(x[i], parameters)); });
}

// What a function is written for; the lambda is its only argument.
template <class F>
constexpr ForEachComputed<UnaryBlock> on_floats(F) {
  return {block<float, F>, block<double, F>, nullptr, nullptr};
}
template <class F>
constexpr ForEachComputed<UnaryBlock> on_integers(F) {
  return {nullptr, nullptr, block<int64_t, F>, block<uint64_t, F>};
}
template <class F>
constexpr ForEachComputed<UnaryBlock> on_numbers(F) {
  return {block<float, F>, block<double, F>, block<int64_t, F>, block<uint64_t, F>};
}

template <class T>
T softplus(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::fabs(x)));
}
template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <class T>
T hard_sigmoid(T x, T alpha, T beta) {
  const T y = alpha * x + beta;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}
template <class T>
T cdf(T x) {  // of the standard normal distribution
  return T(0.5) * (1 + std::erf(x / std::numbers::sqrt2_v<T>));
}
template <class T>
T cdf_by_tanh(T x) {
  const T k = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;
  return T(0.5) * (1 + std::tanh(k * (x + T(0.044715) * x * x * x)));
}

// NaN stays NaN: comparisons are written so that it falls through to x.
// clang-format off
constexpr UnaryFunction kFunctions[] = {
    // name, variant, dtypes, function, attributes and their defaults
    {"Abs", "", kNumbers, on_numbers([](auto x, auto) { return absolute(x); })},
    {"Acos", "", kFloats, on_floats([](auto x, auto) { return std::acos(x); })},
    {"Acosh", "", kFloats, on_floats([](auto x, auto) { return std::acosh(x); })},
    {"Asin", "", kFloats, on_floats([](auto x, auto) { return std::asin(x); })},
    {"Asinh", "", kFloats, on_floats([](auto x, auto) { return std::asinh(x); })},
    {"Atan", "", kFloats, on_floats([](auto x, auto) { return std::atan(x); })},
    {"Atanh", "", kFloats, on_floats([](auto x, auto) { return std::atanh(x); })},
    {"BitwiseNot", "", kIntegers, on_integers([](auto x, auto) { return ~x; })},
    {"Ceil", "", kFloats, on_floats([](auto x, auto) { return std::ceil(x); })},
    {"Celu", "", kFloats, on_floats([]<class T>(T x, auto p) { return std::max(x, T(0)) + std::min(T(0), p.alpha * std::expm1(x / p.alpha)); }), "alpha", "", 1},
    {"Cos", "", kFloats, on_floats([](auto x, auto) { return std::cos(x); })},
    {"Cosh", "", kFloats, on_floats([](auto x, auto) { return std::cosh(x); })},
    {"Elu", "", kFloats, on_floats([](auto x, auto p) { return x < 0 ? p.alpha * std::expm1(x) : x; }), "alpha", "", 1},
    {"Erf", "", kNumbers, on_numbers([](auto x, auto) { return std::erf(x); })},
    {"Exp", "", kFloats, on_floats([](auto x, auto) { return std::exp(x); })},
    {"Floor", "", kFloats, on_floats([](auto x, auto) { return std::floor(x); })},
    {"Gelu", "none", kFloats, on_floats([](auto x, auto) { return x * cdf(x); })},
    {"Gelu", "tanh", kFloats, on_floats([](auto x, auto) { return x * cdf_by_tanh(x); })},
    {"HardSigmoid", "", kFloats, on_floats([](auto x, auto p) { return hard_sigmoid(x, p.alpha, p.beta); }), "alpha", "beta", 0.2f, 0.5f},
    {"HardSwish", "", kFloats, on_floats([]<class T>(T x, auto) { return x * hard_sigmoid(x, T(1) / 6, T(0.5)); })},
    {"IsInf", "", kFloats, on_floats([]<class T>(T x, auto p) { return T(std::isinf(x) && (x < 0 ? p.alpha : p.beta) != 0); }), "detect_negative", "detect_positive", 1, 1, true},
    {"IsNaN", "", kFloats, on_floats([]<class T>(T x, auto) { return T(std::isnan(x)); }), "", "", 0, 0, true},
    {"LeakyRelu", "", kFloats, on_floats([](auto x, auto p) { return x < 0 ? p.alpha * x : x; }), "alpha", "", 0.01f},
    {"Log", "", kFloats, on_floats([](auto x, auto) { return std::log(x); })},
    {"Mish", "", kFloats, on_floats([](auto x, auto) { return x * std::tanh(softplus(x)); })},
    {"Neg", "", kSignedNumbers, on_numbers([](auto x, auto) { return negative(x); })},
    {"Not", "", kBoolean, on_integers([]<class T>(T x, auto) { return T(x == 0); })},
    {"Reciprocal", "", kFloats, on_floats([](auto x, auto) { return 1 / x; })},
    {"Relu", "", kSignedNumbers, on_numbers([](auto x, auto) { return x < 0 ? 0 : x; })},
    {"Round", "", kFloats, on_floats([](auto x, auto) { return std::nearbyint(x); })},  // halves to even
    {"Selu", "", kFloats, on_floats([](auto x, auto p) { return p.beta * (x <= 0 ? p.alpha * std::expm1(x) : x); }), "alpha", "gamma", 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"Shrink", "", kNumbers, on_numbers([](auto x, auto p) { return x < -p.beta ? x + p.alpha : x > p.beta ? x - p.alpha : 0; }), "bias", "lambd", 0, 0.5f},
    {"Sigmoid", "", kFloats, on_floats([](auto x, auto) { return sigmoid(x); })},
    {"Sign", "", kNumbers, on_numbers([]<class T>(T x, auto) { return x > 0 ? T(1) : x < 0 ? T(-1) : x; })},
    {"Sin", "", kFloats, on_floats([](auto x, auto) { return std::sin(x); })},
    {"Sinh", "", kFloats, on_floats([](auto x, auto) { return std::sinh(x); })},
    {"Softplus", "", kFloats, on_floats([](auto x, auto) { return softplus(x); })},
    {"Softsign", "", kFloats, on_floats([](auto x, auto) { return x / (1 + std::fabs(x)); })},
    {"Sqrt", "", kFloats, on_floats([](auto x, auto) { return std::sqrt(x); })},
    {"Swish", "", kFloats, on_floats([](auto x, auto p) { return x * sigmoid(p.alpha * x); }), "alpha", "", 1},
    {"Tan", "", kFloats, on_floats([](auto x, auto) { return std::tan(x); })},
    {"Tanh", "", kFloats, on_floats([](auto x, auto) { return std::tanh(x); })},
    {"ThresholdedRelu", "", kFloats, on_floats([]<class T>(T x, auto p) { return x <= p.alpha ? T(0) : x; }), "alpha", "", 1},
};
// clang-format on

}  // namespace

Result<Types> Unary::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, function->dtypes));
  return Types{{function->predicate ? DType::boolean : in.dtype(0), in.shape(0)}};
}

Result<void> Unary::compute(Args in, Outs out) const {
  const UnaryParameters<double> parameters{alpha, beta};
  return dispatch_computed(in[0].dtype, [&]<class C>() -> Result<void> {
    const UnaryBlock<C> apply = std::get<UnaryBlock<C>>(function->blocks);
    if (apply == nullptr) return internal("{} of {}", function->name, name_of(in[0].dtype));
    for_each_block<C>(in.first(1), out[0], [&](const C* const* x, C* y, int64_t n) { apply(x[0], y, n, parameters); });
    return {};
  });
}

Result<OperatorPtr> parse_unary(const Node& node) {
  Attributes attributes(node);
  std::string variant;
  if (node.op_type == "Gelu") variant = attributes.text("approximate", "none");
  const auto function = std::ranges::find_if(
      kFunctions, [&](const UnaryFunction& f) { return f.name == node.op_type && f.variant == variant; });
  if (function == std::end(kFunctions)) return invalid_model("{} has no variant \"{}\"", node.op_type, variant);

  // Selu's defaults had fewer digits before opset 6.
  const bool old_selu = node.op_type == "Selu" && node.opset < 6;
  const auto read = [&](std::string_view name, float fallback) -> float {
    if (name.empty()) return 0;
    if (node.op_type == "IsInf") return attributes.flag(name, fallback != 0) ? 1 : 0;
    return attributes.number(name, fallback);
  };
  const float alpha = read(function->alpha, old_selu ? 1.6732f : function->alpha_default);
  const float beta = read(function->beta, old_selu ? 1.0507f : function->beta_default);
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  FOVEA_TRY(attributes.finish());
  return make_operator<Unary>(function, alpha, beta);
}

}  // namespace fovea::ops
