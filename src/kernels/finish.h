// What follows a product whose raw sums lie in memory: scale, bias, residual, activation.
#pragma once

#include <cstdint>

#include "kernels/gemm.h"

namespace fovea::kernels {

/// c[m, n] = act(sums[m, n] * scale[n] + bias[n] + residual[m, n]) for `rows` rows of `columns` columns, as Epilogue
/// orders it; its pointers are at the first row and column. Strides in floats. The residual may lie where c does.
void finish_rows(const Epilogue& epilogue, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 float* c, int64_t c_stride);

}  // namespace fovea::kernels
