#include "ops/arg_reduce.h"

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/reduce.h"

namespace fovea::ops {
namespace {

// As NumPy has it: NaN is both the largest and the least.
template <class T>
int64_t best_index(const T* x, int64_t length, int64_t stride, bool largest, bool select_last) {
  using C = Compute<T>;
  int64_t best = 0;
  C value = static_cast<C>(x[0]);
  for (int64_t i = 1; i < length; ++i) {
    const C next = static_cast<C>(x[i * stride]);
    const bool better = value == value && (largest ? !(next <= value) : !(next >= value));
    const bool equal = next == value || (next != next && value != value);
    if (better || (equal && select_last)) best = i, value = next;
  }
  return best;
}

}  // namespace

Result<Types> ArgReduce::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kNumbers));
  // A scalar is taken for a tensor of one element, as NumPy does.
  if (in.rank(0) == 0 && (axis == 0 || axis == -1)) return Types{{DType::i64, {}}};
  const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
  Shape shape = reduced_shape(in.shape(0), {&at, 1}, keepdims);
  if (in.shape(0)[static_cast<size_t>(at)] == 0 && element_count(shape) > 0)
    return invalid_model("axis {} of {} has no elements to choose from", axis, to_string(in.shape(0)));
  return Types{{DType::i64, std::move(shape)}};
}

Result<void> ArgReduce::compute(Args in, Outs out) const {
  const int64_t rank = in[0].rank();
  const int64_t at = axis < 0 ? axis + rank : axis;
  const int64_t outer = rank == 0 ? 1 : extent_product(in[0].shape, 0, at);
  const int64_t length = rank == 0 ? 1 : in[0].shape[static_cast<size_t>(at)];
  const int64_t inner = rank == 0 ? 1 : extent_product(in[0].shape, at + 1, rank);
  auto* to = out[0].as<int64_t>();
  return dispatch<NumberTypes>(in[0].dtype, [&]<class T>() {
    for (int64_t o = 0; o < outer && length > 0; ++o)
      for (int64_t i = 0; i < inner; ++i)
        *to++ = best_index(in[0].as<T>() + o * length * inner + i, length, inner, largest, select_last);
  });
}

Result<OperatorPtr> parse_arg_reduce(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 0);
  const bool keepdims = attributes.flag("keepdims", true);
  const bool select_last = node.opset >= 12 && attributes.flag("select_last_index", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<ArgReduce>(node.op_type == "ArgMax", axis, keepdims, select_last);
}

}  // namespace fovea::ops
