// Pixels cut into slices of 64 bytes, as wide as a tile's row: what one product of tiles reads lies in one stretch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea::kernels {

inline constexpr int64_t kSliceBytes = 64;

/// Slice s of pixel i, 64 bytes at x + i * pixel_bytes + s * 64, goes to to + s * slice_stride + i * 64.
void cut_slices(const std::byte* x, int64_t pixels, int64_t pixel_bytes, int64_t slices, int64_t slice_stride,
                std::byte* to);

}  // namespace fovea::kernels
