#include "ops/variadic.h"

#include <algorithm>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

template <class C>
void combine(Variadic::Function function, const C* a, const C* b, C* y, int64_t n) {
  using enum Variadic::Function;
  switch (function) {
    case max: return map_block(y, n, [=](int64_t i) { return larger(a[i], b[i]); });
    case min: return map_block(y, n, [=](int64_t i) { return smaller(a[i], b[i]); });
    case mean:
    case sum: return map_block(y, n, [=](int64_t i) { return add(a[i], b[i]); });
  }
}

}  // namespace

Result<Types> Variadic::infer(const Inputs& in) const {
  Shape shape = in.shape(0);
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in.has(i)) return invalid_model("input {} is left out", i);
    FOVEA_TRY(expect_dtype(in, i, kNumbers));
    FOVEA_TRY(expect_same_dtype(in, i, 0));
    if (!broadcasts && in.shape(i) != shape)
      return invalid_model("inputs {} and {} differ in shape: {} and {}", i, 0, to_string(in.shape(i)),
                           to_string(shape));
    shape = FOVEA_TRY(broadcast(shape, in.shape(i)));
  }
  if (function == Function::mean) FOVEA_TRY(expect_dtype(in, 0, kFloats));
  return one_output(in.dtype(0), std::move(shape));
}

Result<void> Variadic::compute(Args in, Outs out) const {
  dispatch_computed(in[0].dtype, [&]<class C>() {
    // The output gathers the result, operand by operand.
    const TensorView so_far{out[0].dtype, out[0].shape, out[0].data};
    for_each_block<C>(in.first(1), out[0], [](const C* const* x, C* y, int64_t n) { std::copy_n(x[0], n, y); });
    for (const TensorView& next : in.subspan(1)) {
      const TensorView operands[] = {so_far, next};
      for_each_block<C>(operands, out[0],
                        [&](const C* const* x, C* y, int64_t n) { combine(function, x[0], x[1], y, n); });
    }
    if (function != Function::mean) return;
    const C count = static_cast<C>(in.size());
    for_each_block<C>({&so_far, 1}, out[0], [&](const C* const* x, C* y, int64_t n) {
      map_block(y, n, [&](int64_t i) { return divide(x[0][i], count); });
    });
  });
  return {};
}

Result<OperatorPtr> parse_variadic(const Node& node) {
  using enum Variadic::Function;
  Attributes attributes(node);
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  FOVEA_TRY(attributes.finish());
  const auto function = node.op_type == "Max" ? max : node.op_type == "Mean" ? mean : node.op_type == "Min" ? min : sum;
  return make_operator<Variadic>(function, node.opset >= 8);
}

}  // namespace fovea::ops
