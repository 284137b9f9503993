#include "pipeline/quantize/input_reader.h"

#include <cstring>

#include "base/error.h"
#include "pipeline/load_photo.h"

namespace fovea::pipeline {

Result<InputReader> InputReader::create(tasks::Recipe recipe) {
  const image::Transform transform = FOVEA_TRY(image::Transform::create(recipe.transform));
  return InputReader(std::move(recipe), transform);
}

Result<Tensor> InputReader::read(std::span<const Photo> photos) const {
  std::vector<Tensor> inputs;
  for (const Photo& photo : photos) {
    LoadedPhoto loaded = FOVEA_TRY(load_photo(photo, transform_, recipe_.facts.input, recipe_.apply_orientation));
    inputs.push_back(std::move(loaded.input));
    if (inputs.back().shape() != inputs.front().shape())
      return invalid_argument("the model takes {} photos at once, but this one has another size", batch())
          .at(photo.name);
  }
  if (batch() == 1) return std::move(inputs.front());
  Shape shape = inputs.front().shape();
  shape[0] = batch();
  Tensor input = FOVEA_TRY(Tensor::allocate(inputs.front().dtype(), std::move(shape)));
  auto* to = static_cast<std::byte*>(input.mutable_view().data);
  for (size_t i = 0; i < static_cast<size_t>(batch()); ++i) {
    const Tensor& one = inputs[i % inputs.size()];
    std::memcpy(to + i * one.bytes(), one.raw(), one.bytes());
  }
  return input;
}

}  // namespace fovea::pipeline
