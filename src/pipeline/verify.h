// Replays a bundle stage by stage and tells where fovea and the program that made it part ways.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "pipeline/difference.h"
#include "tasks/bundle.h"
#include "tasks/recipe.h"

namespace fovea::pipeline {

struct StageCheck {
  std::string stage;  // "decode", "resize", "normalise", "model"
  /// This stage alone: fed with what the other program made before it. Empty where the bundle lacks that.
  std::optional<Result<Difference>> alone;
  /// From the photo on, through all stages of ours.
  std::optional<Result<Difference>> chain;
  /// Allowed: the largest difference, of the model the relative L2 distance.
  double tolerance = 0;
  bool agrees = true;  // the stage alone, or where it cannot be told, the chain
};

struct Verification {
  std::vector<StageCheck> stages;  // those that the bundle has tensors of
  /// The first stage that differs by itself; where none does and resizing is exact, the first at which the chain leaves
  /// its tolerance.
  std::optional<std::string> first_difference;
};

/// Differences that are allowed. Decoding and normalising are to be exact, and resizing by default.
struct VerifyOptions {
  double model = 1e-4;           // relative L2 of the outputs
  double resize = 0;             // levels, from the bundle's decoded pixels
  double resize_from_photo = 0;  // levels, where the bundle lacks them
  double normalise = 0;          // of the input's values
};

/// Error: of decoding and of running the model; unsupported for a model whose recipe is baked in.
Result<Verification> verify(backends::Engine& engine, const tasks::Recipe& recipe, const tasks::Bundle& bundle,
                            const VerifyOptions& options);

}  // namespace fovea::pipeline
