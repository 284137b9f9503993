// Kernels over bytes in raw intrinsics: the hot ones of kernels/quantize.h for one instruction set.
#pragma once

#include "kernels/quantize.h"

namespace fovea::kernels::avx512 {

/// finish_sums to bytes. Preconditions: f.bounded, no activation, y_factor 1, no residual of floats; VBMI where there
/// is a table.
void finish_bytes(const SumsFinish& f, const int32_t* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                  uint8_t* y, int64_t y_stride);
void finish_bytes(const SumsFinish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                  uint8_t* y, int64_t y_stride);
/// lookup_row with VBMI.
void lookup_bytes(const uint8_t* x, const uint8_t* table, uint8_t* y, int64_t n);

}  // namespace fovea::kernels::avx512
