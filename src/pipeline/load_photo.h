// A photo's file to the pixels that a model takes: decoding and resizing in one, their times told apart.
#pragma once

#include "image/transform.h"
#include "pipeline/photos.h"

namespace fovea::pipeline {

struct LoadedPhoto {
  image::Image pixels;  // resized and cropped, not normalised
  double decode_ms = 0, preprocess_ms = 0;
};

/// Error: the decoder's and the transform's, naming the photo.
Result<LoadedPhoto> load_photo(const Photo& photo, const image::Transform& transform, bool apply_orientation);

}  // namespace fovea::pipeline
