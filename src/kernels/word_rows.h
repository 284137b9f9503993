// Rows of f32 and bf16, for operands that are packed while a model runs. Rounding is to nearest, halves to even.
#pragma once

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// words[i] = {bf16(even[i]), bf16(odd[i])}: two rows of the depth of a right operand. odd may be nullptr: zeros.
void pair_rows(const float* even, const float* odd, int64_t n, uint32_t* words);
void pair_rows(const bf16* even, const bf16* odd, int64_t n, uint32_t* words);

void narrow_row(const float* x, int64_t n, bf16* y);
void widen_row(const bf16* x, int64_t n, float* y);

}  // namespace fovea::kernels
