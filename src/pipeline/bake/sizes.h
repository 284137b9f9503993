// Where a photo's pixels go, as arithmetic of a graph: the size after resizing, and the part of it that survives the
// crop. The formulas are those of image/transform.cc, evaluated in the same order, so that sizes are equal.
#pragma once

#include "image/transform.h"
#include "pipeline/bake/builder.h"

namespace fovea::pipeline {

/// Both i64 {1}.
struct Extents {
  ValueId height = kNoValue, width = kNoValue;
};

/// The size after resizing of a photo of this size.
Extents resized(Builder& b, const image::TransformSpec& spec, Extents photo);

/// Along one axis, all i64 {1}: resized pixels `from` to `from + count` are kept, with `before` and `after` of padding.
struct Window {
  ValueId from = kNoValue, count = kNoValue;
  ValueId before = kNoValue, after = kNoValue;  // left out where no photo needs padding
};

/// `side` is the resized photo's, `crop` the crop's. `may_pad`: a photo may be smaller than the crop.
Window window(Builder& b, image::CropRule rule, ValueId side, int64_t crop, bool may_pad);

/// Whether some photo becomes smaller than the crop.
bool may_pad(const image::TransformSpec& spec);

}  // namespace fovea::pipeline
