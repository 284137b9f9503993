#include "cpu/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"

namespace fovea::cpu {

Result<MemoryPlan> plan_memory(std::span<const Lifetime> buffers) {
  // The sum bounds every offset, so nothing below overflows once it is representable.
  int64_t sum = 0;
  for (const Lifetime& b : buffers) {
    const auto padded = checked_add(b.bytes, kArenaAlignment - 1);
    const auto total = padded ? checked_add(sum, *padded) : std::nullopt;
    if (!total) return out_of_memory("the model's intermediate results need more than 2^63 bytes");
    sum = *total;
  }

  std::vector<size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::ranges::stable_sort(by_size, [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<size_t> placed;  // ordered by offset
  for (const size_t b : by_size) {
    const int64_t size = round_up(buffers[b].bytes, kArenaAlignment);
    if (size == 0) continue;
    int64_t best = -1, best_gap = std::numeric_limits<int64_t>::max(), end = 0;
    for (const size_t other : placed) {
      if (buffers[other].last < buffers[b].first || buffers[b].last < buffers[other].first) continue;
      const int64_t gap = plan.offsets[other] - end;
      if (gap >= size && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
      end = std::max(end, plan.offsets[other] + round_up(buffers[other].bytes, kArenaAlignment));
    }
    plan.offsets[b] = best >= 0 ? best : end;
    plan.bytes = std::max(plan.bytes, plan.offsets[b] + size);
    placed.insert(std::ranges::upper_bound(placed, plan.offsets[b], {}, [&](size_t p) { return plan.offsets[p]; }), b);
  }
  return plan;
}

}  // namespace fovea::cpu
