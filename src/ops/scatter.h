// What ScatterElements and ScatterND do where an update meets an element.
#pragma once

#include <string_view>

#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/convert.h"
#include "ops/dispatch.h"

namespace fovea::ops {

enum class Reduction { none, add, mul, max, min };

/// Reads the attribute "reduction", which came with opset 16 (add, mul) and 18 (max, min).
Result<Reduction> read_reduction(Attributes& attributes, int opset);

/// The type in which elements are combined: sums of small integers wrap around on the way back.
template <class T>
using Combined =
    std::conditional_t<std::is_integral_v<T>, std::conditional_t<std::is_unsigned_v<T>, uint64_t, int64_t>, Compute<T>>;

/// Calls body.operator()<T>(combine) with T combine(T old, T update).
template <class Body>
Result<void> dispatch_reduction(DType dtype, Reduction reduction, Body&& body) {
  if (reduction == Reduction::none)
    return dispatch_size(dtype, [&]<class T>() { body.template operator()<T>([](T, T update) { return update; }); });
  return dispatch<AllTypes>(dtype, [&]<class T>() {
    using C = Combined<T>;
    const auto run = [&](auto f) {
      body.template operator()<T>([f](T old, T update) { return convert<T>(f(convert<C>(old), convert<C>(update))); });
    };
    switch (reduction) {
      case Reduction::add: return run([](C a, C b) { return add(a, b); });
      case Reduction::mul: return run([](C a, C b) { return multiply(a, b); });
      case Reduction::max: return run([](C a, C b) { return larger(a, b); });
      default: return run([](C a, C b) { return smaller(a, b); });
    }
  });
}

}  // namespace fovea::ops
