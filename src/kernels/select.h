// Choices element by element.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// y[i] = 1 where x[i] is NaN, else 0.
void is_nan_row(const float* x, uint8_t* y, int64_t n);

/// y[i] = which[i] ? a[i] : b[i]; an operand that repeats is one float for all i. y may be a or b (if that one does not
/// repeat).
void select_row(const uint8_t* which, const float* a, bool a_repeats, const float* b, bool b_repeats, float* y,
                int64_t n);

}  // namespace fovea::kernels
