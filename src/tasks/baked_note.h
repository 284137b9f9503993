// What `fovea bake` notes in an ONNX file's metadata of the preprocessing that it has put into the graph.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "fovea/result.h"
#include "image/transform.h"

namespace fovea::tasks {

/// Its key. The value is a JSON object (docs/metadata.md).
inline constexpr const char* kBakedKey = "fovea.baked";

struct BakedNote {
  std::string recipe;                                    // for people, as describe() words it
  std::string resize;                                    // how: "operator", "bytes", "matmul"
  image::ChannelOrder order = image::ChannelOrder::rgb;  // of the photo's channels
  /// Of a model that chooses its best classes itself: how many, and of how many (where that is known). Its outputs are
  /// their indices and their probabilities.
  std::optional<int64_t> top_k, classes;
};

std::string to_json(const BakedNote& note);

/// Nothing where the model was not baked. Error: invalid_model, for a note that no `fovea bake` wrote.
Result<std::optional<BakedNote>> read_baked_note(const std::map<std::string, std::string>& metadata);

}  // namespace fovea::tasks
