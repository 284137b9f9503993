// The softmax of attention where the CPU rounds to bf16 by itself.
#pragma once

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels::avx512 {

/// exp_row_bf16() of attention.h.
float exp_row_bf16(float* x, const float* mask, int64_t n, bf16* y);

}  // namespace fovea::kernels::avx512
