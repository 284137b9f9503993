// Recipes: how a photo becomes a model's input, and the names of what comes out. Several sources may each say a part;
// resolve_recipe() decides, and tells what it decided and why.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image/transform.h"
#include "tasks/labels.h"
#include "tasks/model_facts.h"

namespace fovea::tasks {

using Rgb = std::array<double, 3>;

/// What one source says: the flags, a configuration file, the model's metadata. What it leaves open is empty. Labels
/// among the flags must fit the model; those of other sources are left out, with a note, where they do not.
struct Settings {
  std::string origin;  // how messages name the source: "config.json"

  // In timm's words (timm's resolve_data_config and create_transform give them their meaning).
  std::optional<image::Size> input_size, test_input_size;
  std::optional<double> crop_pct, test_crop_pct;
  std::optional<image::TimmCropMode> crop_mode;
  std::optional<image::Interpolation> interpolation;
  std::optional<image::ResizeMode> resize_mode;  // a flag only: no model asks for one
  std::optional<Rgb> mean, std;
  std::optional<image::ChannelOrder> order;
  /// The short side becomes this, nothing is cut, each side becomes a multiple of `divisor`: for dynamic sizes.
  std::optional<int64_t> shortest, divisor;

  /// The whole transform, from a source that describes it in other words (transformers).
  std::optional<image::TransformSpec> transform;

  Labels labels;
  bool apply_orientation = false;
  std::vector<std::string> notes;  // what was found odd in it

  /// Whether it says anything of the way from a photo to the input.
  bool describes_input() const;
};

struct LabelCandidate {
  std::string origin;
  Labels labels;
  bool must_fit = false;
};

struct Recipe {
  image::TransformSpec transform;
  bool apply_orientation = false;
  ModelFacts facts;
  std::vector<LabelCandidate> label_candidates;  // best first
  std::string origin;                            // where the transform comes from
  std::vector<std::string> notes;                // for stderr: what was assumed, overruled or left out
};

/// Decides. `flags` overrule single values; the transform is that of the first of `sources` that describes one, else
/// ImageNet's, which is noted. The model's own fixed size, its normalisation and its type overrule all. Error:
/// invalid_argument, for flags that the model cannot follow and values that make no sense.
Result<Recipe> resolve_recipe(const Settings& flags, std::span<const Settings> sources, const ModelFacts& facts);

struct LabelChoice {
  Labels labels;  // as many as there are classes, or none where no names are known
  std::string origin;
  std::vector<std::string> notes;
};
/// The first candidate with a name for each class, else ImageNet's for 1000 classes (for 1001 with "background"
/// before them), which is noted. Error: invalid_argument, where labels that must fit do not.
Result<LabelChoice> choose_labels(std::span<const LabelCandidate> candidates, int64_t classes);

/// One line: "resize short side 248 bicubic, crop 224x224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225".
std::string describe(const image::TransformSpec& spec);

}  // namespace fovea::tasks
