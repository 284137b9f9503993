// What one running call owns: threads, the arena, addresses of values. Contexts are kept and reused between calls.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "fovea/result.h"

namespace fovea::cpu {

class Context {
 public:
  explicit Context(int threads) : pool(threads) {}

  /// At least `bytes`, aligned to 64 bytes; what was there before may be gone. Error: out_of_memory.
  Result<std::byte*> arena(int64_t bytes);

  ThreadPool pool;
  std::vector<std::unique_ptr<Context>> alone;  // one for each worker that runs images by itself
  std::vector<void*> addresses;                 // of the values of the plan `bound_to`
  uint64_t bound_to = 0;                        // Plan::serial; 0: none

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte, Free> block_;
  int64_t bytes_ = 0;
};

}  // namespace fovea::cpu
