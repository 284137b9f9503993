// Three planes put side by side, as a photo's colours are.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// to[3 * i + c] = planes[c * plane_stride + i] for 32-bit elements.
void interleave_three(const uint32_t* planes, int64_t plane_stride, uint32_t* to, int64_t count);

}  // namespace fovea::kernels
