// The reference kernel of all matrix products.
#pragma once

#include <algorithm>
#include <vector>

#include "ops/widen.h"

namespace fovea::ops {

/// y {rows, columns} = a {rows, inner} x b {inner, columns}, all row-major, in the wide type C.
template <class C>
void matrix_product(int64_t rows, int64_t inner, int64_t columns, const C* a, const C* b, C* y) {
  constexpr int64_t kRows = 8;  // that share one walk through b
  std::fill_n(y, rows * columns, C(0));
  for (int64_t first = 0; first < rows; first += kRows)
    for (int64_t k = 0; k < inner; ++k)
      for (int64_t row = first; row < std::min(first + kRows, rows); ++row) {
        const C factor = a[row * inner + k];
        const C* __restrict from = b + k * columns;
        C* __restrict to = y + row * columns;
        for (int64_t j = 0; j < columns; ++j) to[j] += factor * from[j];
      }
}

/// The matrix {rows, columns} with its axes swapped. Error: out_of_memory.
template <class C>
Result<Tensor> transposed(const Tensor& matrix) {
  const int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  Tensor result = FOVEA_TRY(Tensor::allocate(matrix.dtype(), {columns, rows}));
  auto* to = result.mutable_view().template as<C>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = matrix.data<C>()[i * columns + j];
  return result;
}

}  // namespace fovea::ops
