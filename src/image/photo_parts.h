// One photo on several threads: each has a reader of its own and makes rows of the input of its own, so no pixel
// depends on how many threads there are. A JPEG's codes can only be read from the start on; passing over rows costs
// half of what decoding them costs, so the parts behind are smaller.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "image/transform.h"

namespace fovea::image {

/// Where the parts of `rows` rows begin, at most `most` of them, so that all are ready at the same time: a part passes
/// over what is before it at `skipping` (0 to 1) for each row, the last one over `tail` rows behind it, too. A part
/// that would save less than a twentieth of the time is not made.
std::vector<int64_t> divide_rows(int64_t rows, int64_t most, double skipping, double tail);

/// Makes rows begin to end - 1 of the input with a fresh reader; several threads call it at once, each for its part.
using PartWork = std::function<Result<void>(size_t part, PhotoReader& photo, int64_t begin, int64_t end)>;

/// Calls `work` for parts of all rows of the photo's input, on at most `threads` threads, the caller's among them;
/// small photos stay in one part. Returns their number. Error: of the first part that has one, as if there were one
/// thread; out_of_memory where a thread throws for want of it.
Result<size_t> work_by_parts(const Transform& transform, PhotoReader& photo, int threads, const PartWork& work);

}  // namespace fovea::image
