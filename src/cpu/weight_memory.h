// Memory for packed weights: large pages, many weights to each, since products run through all weights of an engine in
// each run and would miss the TLB at every small page.
#pragma once

#include <memory>
#include <mutex>

#include "fovea/tensor.h"

namespace fovea::cpu {

class WeightMemory {
 public:
  /// Zeroed, aligned to 64 bytes. What the tensors of a block keep alive is the block. Error: out_of_memory.
  Result<Tensor> allocate(DType dtype, Shape shape);

 private:
  std::mutex mutex_;
  std::shared_ptr<std::byte> block_;
  int64_t size_ = 0, used_ = 0;  // of the block
};

}  // namespace fovea::cpu
