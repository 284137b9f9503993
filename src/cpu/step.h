// One step of a plan: a kernel bound to its operands and sizes.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/thread_pool.h"
#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea::cpu {

/// What a step gets when it runs: addresses of all values of the plan's graph, by value, and the threads.
struct Bindings {
  std::span<void* const> addresses;
  ThreadPool* pool = nullptr;
  void* scratch = nullptr;  // Step::scratch_bytes() bytes for this step alone, 64-byte aligned

  const void* at(ValueId id) const { return id == kNoValue ? nullptr : addresses[static_cast<size_t>(id)]; }
  void* at_mutable(ValueId id) const { return id == kNoValue ? nullptr : addresses[static_cast<size_t>(id)]; }
  const float* f32(ValueId id) const { return static_cast<const float*>(at(id)); }
  float* f32_mutable(ValueId id) const { return static_cast<float*>(at_mutable(id)); }
};

class Step {
 public:
  virtual ~Step() = default;
  /// Reads the inputs, writes the outputs. Several threads may run the same step with different bindings. Fast kernels
  /// allocate nothing. Error: what only the data shows (an index out of range).
  virtual Result<void> run(const Bindings& bindings) const = 0;
  /// "gemm_avx2_6x16", "reference".
  virtual std::string kernel() const = 0;
  virtual int64_t scratch_bytes() const { return 0; }
  /// Bytes behind an input in the arena that are read, whatever lies there, and make no difference.
  virtual int64_t overread_bytes() const { return 0; }
  /// Whether output 0 may lie where input i lies: each element is read before its place is written.
  virtual bool may_overwrite(size_t /*input*/) const { return false; }
};
using StepPtr = std::unique_ptr<const Step>;

}  // namespace fovea::cpu
