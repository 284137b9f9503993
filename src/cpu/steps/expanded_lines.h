// The walk of a depthwise convolution over a map that is made a few lines at a time in front of it.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/conv_rows.h"

namespace fovea::cpu {

/// Output lines [first, last) of one image, at most `lines` at a time. `map` holds the lines of the expanded image that
/// they read. make(from, count, to) makes `count` lines of it from line `from` on; use(image, begin, end) makes output
/// lines [begin, end), where `image` is where line 0 of the map would lie. Lines that two stretches share are moved,
/// not made again.
template <class Number, class Make, class Use>
void walk_expanded_lines(const kernels::ConvShape& s, int64_t first, int64_t last, int64_t lines, Number* map,
                         Make&& make, Use&& use) {
  int64_t made_from = 0, made_to = 0;  // lines that the map holds, the first one at its begin
  for (int64_t line = first; line < last; line += lines) {
    const int64_t end = std::min(last, line + lines);
    const int64_t from = std::max<int64_t>(0, line * s.stride_y - s.pad_top);
    const int64_t to = std::min(s.in_height, (end - 1) * s.stride_y - s.pad_top + s.kernel_height);
    const int64_t kept = std::max<int64_t>(0, made_to - from);
    if (kept > 0)
      std::memmove(map, map + (from - made_from) * s.row_stride,
                   static_cast<size_t>(kept * s.row_stride) * sizeof(Number));
    if (to > from + kept) make(from + kept, to - from - kept, map + kept * s.row_stride);
    made_from = from;
    made_to = std::max(to, from);
    use(map - from * s.row_stride, line, end);
  }
}

}  // namespace fovea::cpu
