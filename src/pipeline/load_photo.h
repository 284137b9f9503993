// A photo's file to the model's input: decoding, resizing and normalising in one go, their times told apart.
#pragma once

#include "fovea/tensor.h"
#include "image/transform.h"
#include "pipeline/photos.h"
#include "tasks/model_facts.h"

namespace fovea::pipeline {

struct LoadedPhoto {
  Tensor input;  // as tasks::allocate_input for one photo
  /// Of the time that passed; where threads shared the photo, in the proportion in which they spent theirs.
  double decode_ms = 0, preprocess_ms = 0;
};

/// The same bits for every number of threads. Error: the decoder's and the transform's, naming the photo.
Result<LoadedPhoto> load_photo(const Photo& photo, const image::Transform& transform, const tasks::InputFacts& input,
                               bool apply_orientation, int threads = 1);

}  // namespace fovea::pipeline
