// What several commands do first: read the model, find its recipe.
#pragma once

#include <memory>

#include "backends/backend.h"
#include "cli/flags.h"
#include "tasks/recipe.h"

namespace fovea::cli {

/// Reads the model and puts the shapes of --shape into it; of what is not ONNX only the path is taken. Error:
/// invalid_argument for the shapes, else any other code: the model cannot be used.
Result<backends::Source> load_model(const ModelFlags& flags, const pipeline::InputShapes& shapes);

/// Compiles the model of the flags. Where it is not ONNX, `source` gets a graph without nodes: the inputs and outputs
/// that the engine has. Error: unavailable for the backend, before the model is read; load_model's; the backend's.
Result<std::shared_ptr<backends::Engine>> compile_model(const ModelFlags& model, const EngineFlags& engine,
                                                        backends::Source& source);

/// The recipe of a model for photos, its notes not yet shown. Precondition: the source has a graph. Error:
/// invalid_argument for flags, else the model's.
Result<tasks::Recipe> recipe_of(const backends::Source& source, const tasks::Settings& flags,
                                std::optional<tasks::Settings> config);

}  // namespace fovea::cli
