#include "pipeline/quantize/input_reader.h"

#include "base/error.h"
#include "pipeline/load_photo.h"
#include "tasks/model_input.h"

namespace fovea::pipeline {

Result<InputReader> InputReader::create(tasks::Recipe recipe) {
  const image::Transform transform = FOVEA_TRY(image::Transform::create(recipe.transform));
  return InputReader(std::move(recipe), transform);
}

Result<Tensor> InputReader::read(std::span<const Photo> photos) const {
  std::vector<image::Image> pixels;
  for (const Photo& photo : photos) {
    LoadedPhoto loaded = FOVEA_TRY(load_photo(photo, transform_, recipe_.apply_orientation));
    pixels.push_back(std::move(loaded.pixels));
    if (pixels.back().size() != pixels.front().size())
      return invalid_argument("the model takes {} photos at once, but this one has another size", batch())
          .at(photo.name);
  }
  Tensor input = FOVEA_TRY(tasks::allocate_input(recipe_.facts.input, batch(), pixels.front().size()));
  for (int64_t i = 0; i < batch(); ++i)
    FOVEA_TRY(
        tasks::write_input(transform_, pixels[static_cast<size_t>(i) % pixels.size()].view(), input.mutable_view(), i));
  return input;
}

}  // namespace fovea::pipeline
