#include "fovea/tensor.h"

#include <cstdlib>
#include <new>

#include "base/checked.h"
#include "base/error.h"
#include "base/system.h"

namespace fovea {

int64_t element_count(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

Result<int64_t> checked_bytes(DType dtype, std::span<const int64_t> shape) {
  int64_t bytes = static_cast<int64_t>(size_of(dtype));
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0) return invalid_argument("shape {} has a negative extent", to_string(shape));
    if (extent == 0) empty = true;
    // Extents beside a zero are checked too: strides are computed from them.
    auto product = checked_mul(bytes, extent == 0 ? 1 : extent);
    if (!product) return invalid_argument("shape {} has more than 2^63 bytes", to_string(shape));
    bytes = *product;
  }
  return empty ? 0 : bytes;
}

std::string to_string(std::span<const int64_t> shape) {
  if (shape.empty()) return "scalar";
  return fmt::format("{}", fmt::join(shape, "x"));
}

std::string to_string(const TensorType& type) {
  return fmt::format("{}[{}]", name_of(type.dtype), fmt::join(type.shape, "x"));
}

Result<Tensor> Tensor::allocate(DType dtype, Shape shape) {
  const int64_t bytes = FOVEA_TRY(checked_bytes(dtype, shape));
  if (bytes > memory_limit())
    return out_of_memory("a tensor {} needs {} bytes, the limit is {}", to_string(TensorType{dtype, shape}), bytes,
                         memory_limit());
  // calloc's pages come zeroed from the kernel; aligning by hand keeps that and costs 64 bytes.
  void* block = std::calloc(static_cast<size_t>(bytes) + 128, 1);
  if (block == nullptr) return out_of_memory("no memory for a tensor {}", to_string(TensorType{dtype, shape}));
  const auto address = (reinterpret_cast<uintptr_t>(block) + 63) & ~uintptr_t{63};
  std::shared_ptr<const void> owner(block, [](const void* p) { std::free(const_cast<void*>(p)); });
  return wrap(std::move(owner), reinterpret_cast<void*>(address), dtype, std::move(shape));
}

Tensor Tensor::wrap(std::shared_ptr<const void> owner, const void* data, DType dtype, Shape shape) {
  Tensor t;
  t.data_ = std::shared_ptr<const void>(std::move(owner), data);
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  return t;
}

}  // namespace fovea
