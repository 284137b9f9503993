// What follows a product whose raw sums lie in memory: scale, bias, residual, activation, and rounding where the result
// is kept in bf16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"

namespace fovea::kernels {

/// Rows of f32 or bf16, for reading or writing.
template <class Pointer>
struct NumberRows {
  Pointer data = nullptr;
  int64_t stride = 0;  // numbers
  bool bf16 = false;

  explicit operator bool() const { return data != nullptr; }
  /// From element (row, column) on.
  NumberRows at(int64_t row, int64_t column) const {
    return {data ? data + (row * stride + column) * (bf16 ? 2 : 4) : nullptr, stride, bf16};
  }
};
using RowsIn = NumberRows<const std::byte*>;
using RowsOut = NumberRows<std::byte*>;

struct Finish {
  const float* bias = nullptr;  // [n], or nullptr
  const float* scale = nullptr;
  RowsIn residual;
  bool residual_last = false;  // added behind the activation, not before
  Activation activation;
};

/// c[m, n] = act(sums[m, n] * scale[n] + bias[n] + residual[m, n]) for `rows` rows of `columns` columns; all pointers
/// are at the first row and column. The residual may lie where c does.
void finish_rows(const Finish& finish, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 const RowsOut& c);

}  // namespace fovea::kernels
