// Rows of bf16 between convolutions: means over pixels and what squeeze-excite makes of them. Sums are f32.
#pragma once

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[c] = factor * sum over r of x[r * stride + c]: the mean over pixels, where rows are pixels.
void sum_rows(const bf16* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y);

/// y[r, c] = bf16(x[r, c] * factors[c]), rounded to nearest, for dense rows; y may be x.
void scale_columns(const bf16* x, int64_t rows, int64_t columns, const float* factors, bf16* y);

}  // namespace fovea::kernels
