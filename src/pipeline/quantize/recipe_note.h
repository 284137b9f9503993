// The recipe as part of the model file, for a model that goes elsewhere than the files that told it.
#pragma once

#include <span>

#include "graph/graph.h"
#include "tasks/recipe.h"

namespace fovea::pipeline {

/// Puts fovea.recipe (docs/metadata.md) and fovea.labels into the graph's metadata, so that the file alone gives the
/// recipe that these flags and sources gave. Where metadata say it already and no flag overrules them, nothing changes.
/// Returns what could not be said, for people; empty where all was.
std::string note_recipe(const tasks::Settings& flags, std::span<const tasks::Settings> sources,
                        const tasks::Recipe& recipe, Graph& graph);

}  // namespace fovea::pipeline
