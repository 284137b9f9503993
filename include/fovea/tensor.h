// Tensors: a shape, an element type and bytes in row-major order, owned (Tensor) or borrowed (TensorView, MutableView).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fovea/dtype.h"
#include "fovea/result.h"

namespace fovea {

/// Extents of a tensor, outermost first. Rank 0 is a scalar.
using Shape = std::vector<int64_t>;

/// Number of elements; 1 for a scalar. Precondition: the shape was checked (see checked_bytes), so it does not
/// overflow.
int64_t element_count(std::span<const int64_t> shape);

/// Bytes of a dense tensor. Error: a negative extent, or a product beyond 2^63 - 1.
Result<int64_t> checked_bytes(DType dtype, std::span<const int64_t> shape);

/// "2x3x224x224"; "scalar" for rank 0.
std::string to_string(std::span<const int64_t> shape);

/// What is known of a tensor before it has a value.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
};
/// "f32[2x3]"
std::string to_string(const TensorType& type);

/// Borrowed, read-only. The shape and the data must outlive the view.
struct TensorView {
  DType dtype = DType::f32;
  std::span<const int64_t> shape;
  const void* data = nullptr;

  int64_t size() const { return element_count(shape); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  bool present() const { return data != nullptr || !shape.empty(); }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

/// Borrowed, writable.
struct MutableView {
  DType dtype = DType::f32;
  std::span<const int64_t> shape;
  void* data = nullptr;

  int64_t size() const { return element_count(shape); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// False for an optional output that nobody asked for.
  bool present() const { return data != nullptr || !shape.empty(); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

/// Owned, reference counted; copies share the bytes. A tensor read from a file points into the mapping, which it keeps
/// alive. The bytes of a shared tensor are never changed: write through mutable_view() only while it is yours alone.
class Tensor {
 public:
  Tensor() = default;

  /// Zeroed memory, aligned to 64 bytes. Error: out_of_memory, or a shape that overflows.
  static Result<Tensor> allocate(DType dtype, Shape shape);
  /// Bytes that `owner` keeps alive. Precondition: `data` holds checked_bytes(dtype, shape) bytes, aligned for dtype.
  static Tensor wrap(std::shared_ptr<const void> owner, const void* data, DType dtype, Shape shape);

  /// Small tensors from values, for tests and for passes. Precondition: values.size() is the shape's element count.
  template <class T>
  static Tensor of(Shape shape, const std::vector<T>& values);
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, std::vector<T>{value});
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  int64_t size() const { return element_count(shape_); }
  size_t bytes() const { return static_cast<size_t>(size()) * size_of(dtype_); }
  TensorType type() const { return {dtype_, shape_}; }

  const void* raw() const { return data_.get(); }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(data_.get());
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<size_t>(size())};
  }
  TensorView view() const { return {dtype_, shape_, data_.get()}; }
  MutableView mutable_view() { return {dtype_, shape_, const_cast<void*>(data_.get())}; }

  /// The same bytes under another shape. Precondition: the same number of elements.
  Tensor reshaped(Shape shape) const {
    Tensor t = *this;
    t.shape_ = std::move(shape);
    return t;
  }
  /// The address that tells one buffer from another; equal for tensors that share bytes.
  const void* identity() const { return data_.get(); }

 private:
  std::shared_ptr<const void> data_;  // aliases the owner; non-null for every constructed tensor, even an empty one
  DType dtype_ = DType::f32;
  Shape shape_;
};

template <class T>
Tensor Tensor::of(Shape shape, const std::vector<T>& values) {
  Tensor t = *allocate(dtype_of<T>, std::move(shape));
  T* out = t.mutable_view().as<T>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return t;
}

}  // namespace fovea
