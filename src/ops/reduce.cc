#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/known.h"

namespace fovea::ops {

using Reducer = void (*)(const ReducePlan&, const TensorView&, const MutableView&);

struct ReduceFunction {
  std::string_view name;
  std::span<const DType> dtypes;
  Reducer floats, integers, unsigned64;
  enum class Empty { computed, lowest, highest } of_nothing;  // what a reduction of no elements gives
};

namespace {

// A rule absorbs elements one by one into a state, which at the end becomes the result. Rules compute in A: double for
// all floats, so that the order of summation does not show, int64_t or uint64_t for integers.
template <class A>
struct Sum {
  A sum = 0;
  void absorb(A x) { sum = add(sum, x); }
  A result(int64_t) const { return sum; }
};
template <class A>
struct Mean : Sum<A> {
  A result(int64_t count) const { return divide(this->sum, static_cast<A>(count)); }
};
template <class A>
struct LogSum : Sum<A> {
  A result(int64_t) const { return convert<A>(std::log(static_cast<double>(this->sum))); }
};
template <class A>
struct L1 : Sum<A> {
  void absorb(A x) { Sum<A>::absorb(absolute(x)); }
};
template <class A>
struct SumSquare : Sum<A> {
  void absorb(A x) { Sum<A>::absorb(multiply(x, x)); }
};
template <class A>
struct L2 : SumSquare<A> {
  A result(int64_t) const { return convert<A>(std::sqrt(static_cast<double>(this->sum))); }
};
template <class A>
struct Product {
  A product = 1;
  void absorb(A x) { product = multiply(product, x); }
  A result(int64_t) const { return product; }
};
template <class A>
struct Maximum {
  A best =
      std::numeric_limits<A>::has_infinity ? -std::numeric_limits<A>::infinity() : std::numeric_limits<A>::lowest();
  void absorb(A x) { best = larger(best, x); }
  A result(int64_t) const { return best; }
};
template <class A>
struct Minimum {
  A best = std::numeric_limits<A>::has_infinity ? std::numeric_limits<A>::infinity() : std::numeric_limits<A>::max();
  void absorb(A x) { best = smaller(best, x); }
  A result(int64_t) const { return best; }
};
// log(sum(exp(x))), with exp taken relative to the largest so far, which keeps it finite.
template <class A>
struct LogSumExp {
  double largest = -INFINITY, sum = 0;
  void absorb(A element) {
    const auto x = static_cast<double>(element);
    if (x == largest)
      sum += 1;
    else if (x > largest)
      sum = sum * std::exp(largest - x) + 1, largest = x;
    else
      sum += std::exp(x - largest);
  }
  A result(int64_t) const { return convert<A>(largest + std::log(sum)); }
};

template <class A, template <class> class Rule>
void run(const ReducePlan& plan, const TensorView& in, const MutableView& out) {
  const auto width = static_cast<int64_t>(size_of(in.dtype)), out_width = static_cast<int64_t>(size_of(out.dtype));
  const auto* from = static_cast<const std::byte*>(in.data);
  auto* to = static_cast<std::byte*>(out.data);
  A elements[kBlock];
  A results[kBlock];
  Shape kept = plan.kept, reduced = plan.reduced;
  std::array<Shape, 1> kept_strides = {plan.kept_strides}, reduced_strides = {plan.reduced_strides};

  if (plan.innermost_reduced) {  // elements that become one lie side by side
    const int64_t run_length = reduced.back();
    reduced.pop_back();
    reduced_strides[0].pop_back();
    for_each_index(kept, kept_strides, [&](std::array<int64_t, 1> base) {
      Rule<A> state;
      for_each_index(reduced, reduced_strides, [&](std::array<int64_t, 1> offset) {
        for (int64_t at = 0; at < run_length; at += kBlock) {
          const int64_t n = std::min(kBlock, run_length - at);
          read_block(in.dtype, from + (base[0] + offset[0] + at) * width, n, elements);
          for (int64_t i = 0; i < n; ++i) state.absorb(elements[i]);
        }
      });
      const A result = state.result(plan.count);
      write_block(&result, 1, out.dtype, to);
      to += out_width;
    });
    return;
  }
  // Results lie side by side: as many as fit into a block are made at once.
  const int64_t columns = kept.empty() ? 1 : kept.back();
  if (!kept.empty()) {
    kept.pop_back();
    kept_strides[0].pop_back();
  }
  for_each_index(kept, kept_strides, [&](std::array<int64_t, 1> base) {
    for (int64_t at = 0; at < columns; at += kBlock) {
      const int64_t n = std::min(kBlock, columns - at);
      std::array<Rule<A>, kBlock> states;
      for_each_index(reduced, reduced_strides, [&](std::array<int64_t, 1> offset) {
        read_block(in.dtype, from + (base[0] + offset[0] + at) * width, n, elements);
        for (int64_t i = 0; i < n; ++i) states[static_cast<size_t>(i)].absorb(elements[i]);
      });
      for (int64_t i = 0; i < n; ++i) results[i] = states[static_cast<size_t>(i)].result(plan.count);
      write_block(results, n, out.dtype, to);
      to += n * out_width;
    }
  });
}

template <template <class> class Rule>
constexpr ReduceFunction function(std::string_view name, std::span<const DType> dtypes,
                                  ReduceFunction::Empty of_nothing = ReduceFunction::Empty::computed) {
  return {name, dtypes, run<double, Rule>, run<int64_t, Rule>, run<uint64_t, Rule>, of_nothing};
}

constexpr ReduceFunction kFunctions[] = {
    function<L1>("ReduceL1", kNumbers),
    function<L2>("ReduceL2", kNumbers),
    function<LogSum>("ReduceLogSum", kNumbers),
    function<LogSumExp>("ReduceLogSumExp", kNumbers),
    function<Maximum>("ReduceMax", kAnyType, ReduceFunction::Empty::lowest),
    function<Mean>("ReduceMean", kNumbers),
    function<Minimum>("ReduceMin", kAnyType, ReduceFunction::Empty::highest),
    function<Product>("ReduceProd", kNumbers),
    function<Sum>("ReduceSum", kNumbers),
    function<SumSquare>("ReduceSumSquare", kNumbers),
};

}  // namespace

ReducePlan plan_reduction(std::span<const int64_t> shape, std::span<const int64_t> axes) {
  const Shape strides = strides_of(shape);
  ReducePlan plan;
  std::optional<bool> inner;  // whether the dimension inside this one is reduced
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 1) continue;
    const bool reduced = std::ranges::find(axes, static_cast<int64_t>(d)) != axes.end();
    if (!inner) plan.innermost_reduced = reduced;
    Shape& extents = reduced ? plan.reduced : plan.kept;
    if (inner == reduced) {
      extents.back() *= shape[d];
    } else {
      extents.push_back(shape[d]);
      (reduced ? plan.reduced_strides : plan.kept_strides).push_back(strides[d]);
    }
    inner = reduced;
  }
  for (Shape* list : {&plan.kept, &plan.reduced, &plan.kept_strides, &plan.reduced_strides})
    std::ranges::reverse(*list);
  plan.count = element_count(plan.reduced);
  return plan;
}

Shape reduced_shape(std::span<const int64_t> shape, std::span<const int64_t> axes, bool keepdims) {
  Shape result;
  for (size_t d = 0; d < shape.size(); ++d)
    if (std::ranges::find(axes, static_cast<int64_t>(d)) == axes.end())
      result.push_back(shape[d]);
    else if (keepdims)
      result.push_back(1);
  return result;
}

std::string_view Reduce::name() const { return function->name; }

Result<std::vector<int64_t>> Reduce::resolve_axes(const Inputs& in) const {
  std::vector<int64_t> given = axes_are_input && in.has(1) ? FOVEA_TRY(in.integers(1)) : axes;
  if (given.empty() && !noop_with_empty_axes)
    for (int64_t axis = 0; axis < in.rank(0); ++axis) given.push_back(axis);
  return normalize_axes(given, in.rank(0));
}

Result<Types> Reduce::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, function->dtypes));
  const std::vector<int64_t> resolved = FOVEA_TRY(resolve_axes(in));
  return Types{{in.dtype(0), reduced_shape(in.shape(0), resolved, keepdims)}};
}

Result<void> Reduce::compute(Args in, Outs out) const {
  const Known known(in, out);
  const ReducePlan plan = plan_reduction(in[0].shape, FOVEA_TRY(resolve_axes(known.inputs())));
  if (plan.count == 0 && function->of_nothing != ReduceFunction::Empty::computed)
    return dispatch<AllTypes>(out[0].dtype, [&]<class T>() {
      using Limits = std::numeric_limits<Compute<T>>;
      auto value = Limits::has_infinity ? Limits::infinity() : Limits::max();
      if (function->of_nothing == ReduceFunction::Empty::lowest)
        value = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
      std::fill_n(out[0].as<T>(), out[0].size(), static_cast<T>(value));
    });
  const Reducer reduce = is_float(in[0].dtype)       ? function->floats
                         : in[0].dtype == DType::u64 ? function->unsigned64
                                                     : function->integers;
  reduce(plan, in[0], out[0]);
  return {};
}

Result<OperatorPtr> parse_reduce(const Node& node) {
  const auto function = std::ranges::find(kFunctions, node.op_type, &ReduceFunction::name);
  if (function == std::end(kFunctions)) return internal("{} is no reduction", node.op_type);
  Attributes attributes(node);
  const bool axes_are_input = node.opset >= (node.op_type == "ReduceSum" ? 13 : 18);
  Reduce reduce(function, axes_are_input);
  if (axes_are_input)
    reduce.noop_with_empty_axes = attributes.flag("noop_with_empty_axes", false);
  else
    reduce.axes = attributes.integers("axes");
  reduce.keepdims = attributes.flag("keepdims", true);
  FOVEA_TRY(attributes.finish());
  if (!axes_are_input && node.inputs.size() > 1) return invalid_model("axes are an attribute in opset {}", node.opset);
  return make_operator<Reduce>(std::move(reduce));
}

}  // namespace fovea::ops
