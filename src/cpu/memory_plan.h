// Where each buffer of a plan lies in one block of memory. Knows nothing of the device: sizes and lifetimes only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/result.h"

namespace fovea::cpu {

/// A buffer that is written in step `first` and read for the last time in step `last` (both included).
struct Lifetime {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // one for each buffer, multiples of kArenaAlignment
  int64_t bytes = 0;             // of the arena
};

inline constexpr int64_t kArenaAlignment = 64;

/// Buffers that live at the same time never overlap. Large ones are placed first, each into the smallest gap that
/// holds it ("greedy by size", Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
/// Error: out_of_memory where the sum of sizes overflows.
Result<MemoryPlan> plan_memory(std::span<const Lifetime> buffers);

}  // namespace fovea::cpu
