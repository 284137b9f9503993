// A bundle: a photo and what another program made of it, stage by stage, as tools/make_bundle.py writes it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "fovea/result.h"
#include "fovea/tensor.h"

namespace fovea::tasks {

/// A stage that a bundle leaves out is empty.
struct Bundle {
  std::filesystem::path photo;
  std::optional<Tensor> decoded;  // u8 {height, width, 3}
  std::optional<Tensor> resized;  // u8 {height, width, 3}, cropped or padded, too: the pixels of the model's input
  std::optional<Tensor> input;    // what the model got, normalised, one photo
  std::optional<Tensor> output;   // what it answered
  std::string made_by;            // for people
};

/// Reads DIR/bundle.json and the files that it names, all in that folder. Error: not_found, io; invalid_argument where
/// something in it makes no sense, naming the file.
Result<Bundle> read_bundle(const std::filesystem::path& folder);

}  // namespace fovea::tasks
