// Decoded photos into the tensor that the model takes: its batch, layout and number type.
#pragma once

#include <span>
#include <vector>

#include "fovea/tensor.h"
#include "image/transform.h"
#include "tasks/model_facts.h"

namespace fovea::tasks {

/// {batch, 3, H, W} or {batch, H, W, 3} of the model's type, all zeros. Error: out_of_memory.
Result<Tensor> allocate_input(const InputFacts& input, int64_t batch, image::Size size);

/// Writes one photo, row by row as they come, to a place of a tensor from allocate_input. Each thread has its own;
/// different rows and places may be written at the same time.
class InputRows {
 public:
  /// For place `index`, a photo of `size` pixels; the transform and the tensor must outlive it. Error: sizes that
  /// differ; unsupported for a type that no photo can have.
  static Result<InputRows> create(const image::Transform& transform, MutableView batch, int64_t index,
                                  image::Size size);

  /// Row y, 3 * width bytes, normalised unless the model takes bytes.
  void write(int64_t y, const uint8_t* rgb);

 private:
  InputRows(const image::Transform& transform, DType dtype, void* place, image::Size size)
      : transform_(&transform), dtype_(dtype), place_(place), size_(size) {}
  template <class T, class Value>
  void scatter(int64_t y, Value value) const;
  template <class T>
  void convert(int64_t y);

  const image::Transform* transform_;
  DType dtype_;
  void* place_;
  image::Size size_;
  std::vector<float> row_;  // normalised, where the model's type is another
};

/// A photo that is resized and cropped already (Transform::pixels). Error: as InputRows::create.
Result<void> write_input(const image::Transform& transform, image::ImageView pixels, MutableView batch, int64_t index);

}  // namespace fovea::tasks
