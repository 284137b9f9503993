// Checks and arithmetic on dtypes and shapes that many shape rules share. Errors carry no node name; the caller adds
// it.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// `axis` counted from the front. Error: outside -rank .. rank-1.
Result<int64_t> normalize_axis(int64_t axis, int64_t rank);
/// The same for several. Error: also an axis given twice.
Result<std::vector<int64_t>> normalize_axes(std::span<const int64_t> axes, int64_t rank);

/// NumPy's broadcasting of two shapes. Error: extents that differ and are not 1.
Result<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b);

/// Row-major strides in elements; 0-extent shapes give strides as if the extent were 1.
Shape strides_of(std::span<const int64_t> shape);
/// Strides in elements with which `shape` is read as if it had been broadcast to `target`: 0 where it repeats.
/// Precondition: broadcastable.
Shape broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> target);

/// Product of shape[from, to).
int64_t extent_product(std::span<const int64_t> shape, int64_t from, int64_t to);

/// Error: input i has none of these dtypes.
Result<void> expect_dtype(const Inputs& in, size_t i, std::span<const DType> allowed);
/// Error: inputs i and j differ in dtype.
Result<void> expect_same_dtype(const Inputs& in, size_t i, size_t j);
/// Error: input i has another rank.
Result<void> expect_rank(const Inputs& in, size_t i, int64_t rank);
Result<void> expect_rank_at_least(const Inputs& in, size_t i, int64_t rank);
/// Error: input i has another shape; '-1' in `shape` fits anything.
Result<void> expect_shape(const Inputs& in, size_t i, std::span<const int64_t> shape);

// Sets of dtypes that ONNX's type constraints name. A newer opset may allow more than an older one; we allow the
// newest's.
inline constexpr DType kFloats[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
inline constexpr DType kNumbers[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8,  DType::u8,
                                     DType::i16, DType::u16, DType::i32, DType::u32,  DType::i64, DType::u64};
inline constexpr DType kSignedNumbers[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                                           DType::i8,  DType::i16, DType::i32, DType::i64};
inline constexpr DType kAnyType[] = {DType::f32, DType::f64, DType::f16,    DType::bf16, DType::i8,
                                     DType::u8,  DType::i16, DType::u16,    DType::i32,  DType::u32,
                                     DType::i64, DType::u64, DType::boolean};
inline constexpr DType kIntegers[] = {DType::i8,  DType::u8,  DType::i16, DType::u16,
                                      DType::i32, DType::u32, DType::i64, DType::u64};
inline constexpr DType kIndexTypes[] = {DType::i32, DType::i64};
inline constexpr DType kBoolean[] = {DType::boolean};

/// Walks all indices of `shape` in row-major order and calls visit(offsets), where offsets[k] is the element offset
/// into an operand whose strides are strides[k]. The shape's rank and the strides' must agree.
template <size_t N, class Visit>
void for_each_index(std::span<const int64_t> shape, const std::array<Shape, N>& strides, Visit visit) {
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t total = element_count(shape);
  std::array<int64_t, N> offsets{};
  Shape index(shape.size(), 0);
  for (int64_t n = 0; n < total; ++n) {
    visit(offsets);
    for (int64_t d = rank - 1; d >= 0; --d) {
      const auto axis = static_cast<size_t>(d);
      for (size_t k = 0; k < N; ++k) offsets[k] += strides[k][axis];
      if (++index[axis] < shape[axis]) break;
      for (size_t k = 0; k < N; ++k) offsets[k] -= strides[k][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace fovea::ops
