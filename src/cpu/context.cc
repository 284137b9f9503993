#include "cpu/context.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "base/checked.h"
#include "base/error.h"
#include "base/system.h"

namespace fovea::cpu {

void Context::Free::operator()(std::byte* p) const { std::free(p); }

Result<std::byte*> Context::arena(int64_t bytes) {
  if (bytes <= bytes_ && block_) return block_.get();
  if (bytes > memory_limit())
    return out_of_memory("intermediate results need {} bytes, the limit is {}", bytes, memory_limit());
  constexpr int64_t kHugePage = 2 << 20;
  const int64_t rounded = bytes < kHugePage ? round_up(std::max<int64_t>(bytes, 64), 64) : round_up(bytes, kHugePage);
  block_.reset();
  bytes_ = 0;
  bound_to = 0;
  void* block =
      std::aligned_alloc(static_cast<size_t>(bytes < kHugePage ? 64 : kHugePage), static_cast<size_t>(rounded));
  if (block == nullptr) return out_of_memory("no memory for {} bytes of intermediate results", rounded);
  // Large pages spare the matrix products most misses of the TLB. A kernel that refuses changes nothing.
  if (bytes >= kHugePage) (void)madvise(block, static_cast<size_t>(rounded), MADV_HUGEPAGE);
  block_.reset(static_cast<std::byte*>(block));
  bytes_ = rounded;
  return block_.get();
}

}  // namespace fovea::cpu
