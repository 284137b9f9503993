// What several commands do first: read the model, find its recipe.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "cli/flags.h"
#include "tasks/recipe.h"

namespace fovea::cli {

/// Reads the model and puts the shapes of --shape into it. Error: invalid_argument for those, else any other code:
/// the model cannot be used.
Result<backends::Source> load_model(const ModelFlags& flags, const pipeline::InputShapes& shapes);

/// The recipe of a model for photos, its notes not yet shown. Error: invalid_argument for flags, else the model's.
Result<tasks::Recipe> recipe_of(const backends::Source& source, const tasks::Settings& flags,
                                std::optional<tasks::Settings> config);

}  // namespace fovea::cli
