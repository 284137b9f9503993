// The walk that all elementwise operators share: operands broadcast together, read in blocks, converted to the few
// types in which functions compute, and the results converted back.
//
// ONNX has some eighty elementwise functions over thirteen types. Ours are written for four: float (for the 16-bit
// floats too), double, int64_t (for all integers that fit, and bool) and uint64_t. Integer results lose their upper
// bits on the way back, which is what arithmetic in the narrow type gives.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <tuple>
#include <vector>

#include "ops/convert.h"
#include "ops/shapes.h"

namespace fovea::ops {

/// Elements that a function gets at once. A constant, because loops whose count the compiler knows are vectorised at
/// -O2 already.
inline constexpr int64_t kBlock = 256;

/// y[0, n) from x[k][0, n) of each operand k; 0 < n <= kBlock. `y` overlaps no operand.
template <class C>
using BlockFunction = std::function<void(const C* const* x, C* y, int64_t n)>;

inline constexpr size_t kMaxOperands = 3;

/// Applies `f` to one to three operands of any dtypes that broadcast to `out`'s shape. Operands and result are read and
/// written as C, which is float, double, int64_t or uint64_t. An operand may be `out` itself.
template <class C>
void for_each_block(Args in, const MutableView& out, const BlockFunction<C>& f);

/// Reads n elements of any dtype, at `from`, as C.
template <class C>
void read_block(DType dtype, const void* from, int64_t n, C* to);
/// Writes n elements of type C as any dtype.
template <class C>
void write_block(const C* from, int64_t n, DType dtype, void* to);

/// Operands cut into rows in which each one either walks or stands still.
struct BroadcastRows {
  Shape outer;                               // extents over which rows lie
  std::vector<Shape> strides;                // of each operand over `outer`, in elements
  std::array<bool, kMaxOperands> repeats{};  // the operand is the same through a row
  int64_t length = 0;                        // of a row
};
/// Precondition: at most kMaxOperands shapes, which broadcast to `target`.
BroadcastRows broadcast_rows(std::span<const std::span<const int64_t>> shapes, std::span<const int64_t> target);

/// The type in which functions of T compute.
template <class T>
using Computed =
    std::conditional_t<std::is_same_v<T, f16> || std::is_same_v<T, bf16>, float,
                       std::conditional_t<std::is_floating_point_v<T> || std::is_same_v<T, uint64_t>, T, int64_t>>;

/// Calls body.template operator()<C>() with the type in which functions of `dtype` compute.
template <class Body>
auto dispatch_computed(DType dtype, Body&& body) {
  if (dtype == DType::f64) return body.template operator()<double>();
  if (is_float(dtype)) return body.template operator()<float>();
  if (dtype == DType::u64) return body.template operator()<uint64_t>();
  return body.template operator()<int64_t>();
}

/// One pointer for each type in which a function computes; null where it has no meaning.
template <template <class> class Pointer>
using ForEachComputed = std::tuple<Pointer<float>, Pointer<double>, Pointer<int64_t>, Pointer<uint64_t>>;

/// y[i] = f(i), in a form that compilers vectorise.
template <class C, class F>
inline void map_block(C* __restrict y, int64_t n, F f) {
  if (n == kBlock)
    for (int64_t i = 0; i < kBlock; ++i) y[i] = f(i);
  else
    for (int64_t i = 0; i < n; ++i) y[i] = f(i);
}

}  // namespace fovea::ops
