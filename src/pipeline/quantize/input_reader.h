// Photos as the tensors that a model takes, by its recipe: exactly what `fovea classify` feeds.
#pragma once

#include <span>

#include "pipeline/photos.h"
#include "tasks/recipe.h"

namespace fovea::pipeline {

class InputReader {
 public:
  /// Error: as image::Transform::create.
  static Result<InputReader> create(tasks::Recipe recipe);

  const tasks::Recipe& recipe() const { return recipe_; }
  /// Photos that one run takes: the model's own batch, else 1.
  int64_t batch() const { return recipe_.facts.input.batch.value_or(1); }

  /// A full batch of up to batch() photos; where there are fewer, they repeat (zeros would count as photos). Error:
  /// that of the first photo that cannot be read; invalid_argument for photos of different sizes.
  Result<Tensor> read(std::span<const Photo> photos) const;

 private:
  InputReader(tasks::Recipe recipe, image::Transform transform) : recipe_(std::move(recipe)), transform_(transform) {}

  tasks::Recipe recipe_;
  image::Transform transform_;
};

}  // namespace fovea::pipeline
