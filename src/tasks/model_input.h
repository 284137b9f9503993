// Decoded photos into the tensor that the model takes: its batch, layout and number type.
#pragma once

#include <span>

#include "fovea/tensor.h"
#include "image/transform.h"
#include "tasks/model_facts.h"

namespace fovea::tasks {

/// {batch, 3, H, W} or {batch, H, W, 3} of the model's type. Error: out_of_memory.
Result<Tensor> allocate_input(const InputFacts& input, int64_t batch, image::Size size);

/// Writes one photo, resized and cropped already (Transform::pixels), to place `index` of a tensor from
/// allocate_input. Different places may be written by different threads. Error: sizes that differ.
Result<void> write_input(const image::Transform& transform, image::ImageView pixels, MutableView batch, int64_t index);

}  // namespace fovea::tasks
