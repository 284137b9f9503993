#include "ops/softmax.h"

#include <cmath>
#include <vector>

#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

// ONNX defines Softmax and LogSoftmax as functions of ReduceMax, Sub, Exp, ReduceSum, Div and Log on T, and its tests
// expect the bits of that: 16-bit floats are rounded after each. For float and double, double holds every step.
template <class T>
double step(double value) {
  if constexpr (sizeof(T) == 2)
    return static_cast<double>(static_cast<float>(convert<T>(value)));
  else
    return value;
}

/// `row` has room for `length` numbers.
template <class T>
void soft(const T* x, T* y, int64_t length, int64_t stride, double* row, bool logarithm) {
  double largest = -INFINITY, sum = 0;
  for (int64_t k = 0; k < length; ++k) largest = std::fmax(largest, static_cast<double>(x[k * stride]));
  for (int64_t k = 0; k < length; ++k) {
    const double centred = step<T>(static_cast<double>(x[k * stride]) - largest);
    const double exponential = step<T>(std::exp(centred));
    sum += exponential;
    row[k] = logarithm ? centred : exponential;
  }
  sum = step<T>(sum);
  const double shift = step<T>(std::log(sum));
  for (int64_t k = 0; k < length; ++k) y[k * stride] = convert<T>(logarithm ? row[k] - shift : row[k] / sum);
}

// 1 for the first of the largest.
template <class T>
void hard(const T* x, T* y, int64_t length, int64_t stride) {
  int64_t best = 0;
  for (int64_t k = 1; k < length; ++k)
    if (static_cast<Compute<T>>(x[k * stride]) > static_cast<Compute<T>>(x[best * stride])) best = k;
  for (int64_t k = 0; k < length; ++k) y[k * stride] = convert<T>(k == best ? 1.0 : 0.0);
}

Result<OperatorPtr> parse(const Node& node, Softmax::Kind kind) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", node.opset >= 13 ? -1 : 1);
  FOVEA_TRY(attributes.finish());
  return make_operator<Softmax>(axis, node.opset < 13, kind);
}

}  // namespace

Result<Types> Softmax::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(flatten_rest && axis == in.rank(0) ? Result<int64_t>(axis) : normalize_axis(axis, in.rank(0)));
  return Types{in.type(0)};
}

Result<void> Softmax::compute(Args in, Outs out) const {
  const int64_t at = axis < 0 ? axis + in[0].rank() : axis;
  const int64_t outer = extent_product(in[0].shape, 0, at);
  const int64_t length = extent_product(in[0].shape, at, flatten_rest ? in[0].rank() : at + 1);
  const int64_t inner = flatten_rest ? 1 : extent_product(in[0].shape, at + 1, in[0].rank());
  std::vector<double> row(static_cast<size_t>(kind == Kind::hard ? 0 : length));
  return dispatch<FloatTypes>(in[0].dtype, [&]<class T>() {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t first = o * length * inner + i;
        const T* x = in[0].as<T>() + first;
        T* y = out[0].as<T>() + first;
        if (kind == Kind::hard)
          hard(x, y, length, inner);
        else
          soft(x, y, length, inner, row.data(), kind == Kind::log_soft);
      }
  });
}

Result<OperatorPtr> parse_hardmax(const Node& node) { return parse(node, Softmax::Kind::hard); }
Result<OperatorPtr> parse_log_softmax(const Node& node) { return parse(node, Softmax::Kind::log_soft); }
Result<OperatorPtr> parse_softmax(const Node& node) { return parse(node, Softmax::Kind::soft); }

}  // namespace fovea::ops
