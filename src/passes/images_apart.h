// Whether a graph treats each image of a batch by itself, so that a batch may be run image by image.
#pragma once

#include <optional>
#include <string>

#include "graph/graph.h"

namespace fovea::passes {

/// Why `many`, a graph made for `images` images, is not `one`, the same model made for one image, applied to each of
/// them: image i of every input and output being the i-th part of its first axis. nullopt where it is. What is not
/// known to keep images apart counts as mixing them.
/// Precondition: both come from specialise(): all values have concrete types, and no pass has seen the shapes yet,
/// which would take other ways for one image than for several.
std::optional<std::string> mixes_images(const Graph& many, const Graph& one, int64_t images);

/// Multiply-adds that the model makes of each weight for one image: several hundred in a convolutional network, one in
/// a linear layer that sees an image as one row.
double weight_reuse(const Graph& one);

}  // namespace fovea::passes
