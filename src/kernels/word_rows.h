// Rows of floats as words of bf16, for operands that are packed while a model runs.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// words[i] = {bf16(even[i]), bf16(odd[i])}, rounded to nearest, halves to even: two rows of the depth of a right
/// operand. odd may be nullptr: zeros.
void pair_rows(const float* even, const float* odd, int64_t n, uint32_t* words);

}  // namespace fovea::kernels
