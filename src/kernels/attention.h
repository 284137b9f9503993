// The parts of attention that are neither matrix products nor whole blocks of rows (kernels/head_rows.h): softmax of a
// row of scores, a row scaled.
#pragma once

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// y[c] = factor * x[c * stride]
void scale_row(const float* x, int64_t stride, float factor, float* y, int64_t n);

/// x = exp(x + mask - largest of that), in place, for one row of scores; returns 1 / sum. mask may be nullptr. A row of
/// -infinity alone, or with a NaN in it, gives NaN.
float exp_row(float* x, const float* mask, int64_t n);

/// The same with the numerators rounded to bf16, at y, which may lie where x does; x need not be kept. Relative error
/// of the numerators before rounding: 1e-5.
float exp_row_bf16(float* x, const float* mask, int64_t n, bf16* y);

/// The instruction set that these run with, in Highway's words.
const char* attention_target();

}  // namespace fovea::kernels
