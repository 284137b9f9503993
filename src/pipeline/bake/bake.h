// Baking: the recipe becomes part of the model's graph, as standard ONNX operators. The baked model takes the photo.
#pragma once

#include "image/image.h"
#include "pipeline/bake/resize.h"
#include "tasks/recipe.h"

namespace fovea::pipeline {

struct BakeOptions {
  BakeResize resize = BakeResize::operation;
  /// All photos will have this size: then the graph holds no arithmetic of sizes, and the weights of `matmul` are
  /// constants. Nothing: any size.
  std::optional<image::Size> photo = {};
  image::Layout layout = image::Layout::nhwc;            // of the photo
  image::ChannelOrder order = image::ChannelOrder::rgb;  // likewise
  /// The answer becomes the indices (i64) and the probabilities (f32) of the best classes, {N, K} each.
  std::optional<int64_t> top_k = {};
};

struct Baked {
  Graph graph;
  std::vector<std::string> notes;  // what was done otherwise than asked
};

/// The model with the recipe before it: one input "photo", u8 {N, H, W, 3} or {N, 3, H, W}; outputs as before, or
/// "indices" and "probabilities". Metadata stay, but for fovea.recipe, in whose place fovea.baked says what was done.
/// The opset is the model's, or the least that the nodes need (18 for Resize with antialiasing, else 13). Error:
/// invalid_argument for a model that is baked already and options that do not fit; unsupported where its opset cannot
/// be raised.
Result<Baked> bake(const Graph& model, const tasks::Recipe& recipe, const BakeOptions& options);

}  // namespace fovea::pipeline
