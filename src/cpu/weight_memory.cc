#include "cpu/weight_memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "base/system.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kLargePage = 2 << 20, kBlock = 16 * kLargePage;

/// Pages come zeroed and only when they are touched; nullptr where there is no memory.
std::shared_ptr<std::byte> map_block(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes + kLargePage);  // to align by hand
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const std::shared_ptr<void> owner(mapped, [size](void* p) { munmap(p, size); });
  const auto address = round_up(static_cast<int64_t>(reinterpret_cast<uintptr_t>(mapped)), kLargePage);
  auto* begin = static_cast<std::byte*>(mapped) + (address - static_cast<int64_t>(reinterpret_cast<uintptr_t>(mapped)));
  // A kernel that refuses changes nothing.
  (void)madvise(begin, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return {owner, begin};
}

}  // namespace

Result<Tensor> WeightMemory::allocate(DType dtype, Shape shape) {
  const int64_t bytes = round_up(std::max<int64_t>(FOVEA_TRY(checked_bytes(dtype, shape)), 1), 64);
  if (bytes > memory_limit())
    return out_of_memory("packed weights {} need {} bytes, the limit is {}", to_string(TensorType{dtype, shape}), bytes,
                         memory_limit());
  const std::lock_guard lock(mutex_);
  if (bytes > size_ - used_) {
    const int64_t size = std::max(kBlock, round_up(bytes, kLargePage));
    auto block = map_block(size);
    if (!block) return out_of_memory("no memory for packed weights {}", to_string(TensorType{dtype, shape}));
    // The larger rest serves what comes.
    if (size - bytes <= size_ - used_) {
      std::byte* begin = block.get();
      return Tensor::wrap(std::move(block), begin, dtype, std::move(shape));
    }
    block_ = std::move(block);
    size_ = size;
    used_ = 0;
  }
  std::byte* begin = block_.get() + used_;
  used_ += bytes;
  return Tensor::wrap(block_, begin, dtype, std::move(shape));
}

}  // namespace fovea::cpu
