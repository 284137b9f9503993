// Copies between layouts: any elements of 1, 2, 4 or 8 bytes, any strides.
#pragma once

#include <cstdint>

namespace fovea::kernels {

inline constexpr int kMaxCopyRank = 8;

/// A copy of `extents` elements; strides in elements, of both sides, may be 0 (reading) or negative.
struct StridedCopy {
  int rank = 0;  // at most kMaxCopyRank
  int64_t extents[kMaxCopyRank] = {};
  int64_t from[kMaxCopyRank] = {}, to[kMaxCopyRank] = {};
  int element = 4;  // bytes: 1, 2, 4 or 8
};

/// The same copy with fewer and longer axes: extents of 1 dropped, neighbours merged, the writing side's order kept.
StridedCopy simplify(const StridedCopy& copy);

/// Copies the indices [begin, end) of the first axis. `from` and `to` point at element 0 of all axes. Precondition:
/// they do not overlap.
void copy_strided(const StridedCopy& copy, const void* from, void* to, int64_t begin, int64_t end);

}  // namespace fovea::kernels
