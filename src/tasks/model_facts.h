// What a graph itself tells of the way from a photo to labels: layout and type of its input, whether it normalises
// pixels and ends in probabilities, whether the whole recipe is baked into it.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "graph/graph.h"
#include "image/transform.h"

namespace fovea::tasks {

/// Which values of pixels an input takes.
enum class PixelRange : uint8_t {
  normalized,  // what mean and std make of them: the graph does nothing itself
  unit,        // 0 to 1; the graph subtracts the mean and divides itself
  bytes,       // 0 to 255; the graph does all itself
};

/// What turns the scores into probabilities.
enum class Activation : uint8_t {
  none,     // the scores are logits
  softmax,  // the graph ends in Softmax
  sigmoid,  // the graph ends in Sigmoid: each class has a probability of its own
};

/// The one input that takes photos, {batch, 3, height, width} or {batch, height, width, 3}.
struct InputFacts {
  std::string name;
  DType dtype = DType::f32;
  image::Layout layout = image::Layout::nchw;
  std::optional<int64_t> batch, height, width;  // nothing where the model leaves them open
  PixelRange range = PixelRange::normalized;
  /// The recipe is baked into the graph: it takes photos as they are decoded, their channels in this order.
  bool baked = false;
  image::ChannelOrder order = image::ChannelOrder::rgb;
};

/// The output with one score a class.
struct OutputFacts {
  size_t index = 0;  // among the graph's outputs
  std::string name;
  std::optional<int64_t> classes;
  Activation activation = Activation::none;
  /// Where the best classes are chosen in the graph: the output with their indices, beside this one with their
  /// probabilities.
  std::optional<size_t> indices;
};

struct ModelFacts {
  InputFacts input;
  OutputFacts output;
};

/// The input alone, also of models whose output is no list of scores. Error: as examine.
Result<InputFacts> examine_input(const Graph& graph);

/// Error: unsupported, where the graph has not exactly one input for photos, or no outputs; invalid_model, for a note
/// of `fovea bake` that does not fit.
Result<ModelFacts> examine(const Graph& graph);

}  // namespace fovea::tasks
