// The end of a product where the CPU rounds to bf16 by itself.
#pragma once

#include "fovea/dtype.h"
#include "kernels/finish.h"

namespace fovea::kernels::avx512 {

/// finish_rows() for at most 32 columns, by VCVTNE2PS2BF16.
void finish_bf16_rows(const Finish& finish, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                      const RowsOut& c);

/// gate_row() of numbers in bf16; false for activations that it has not.
bool gate_bf16_row(const Activation& activation, const bf16* a, const bf16* b, bf16* y, int64_t n);

}  // namespace fovea::kernels::avx512
