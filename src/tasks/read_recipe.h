// Reading what timm and Hugging Face write about a model: its configuration files, and the metadata of its ONNX file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tasks/recipe.h"

namespace fovea::tasks {

/// timm's pretrained_cfg, nested in its config.json or flat; also the words of `fovea.recipe`, which are the same
/// (docs/metadata.md). Unknown keys are ignored. Error: invalid_argument for a value that makes no sense.
Result<Settings> settings_of_timm(const nlohmann::json& config);

/// transformers' preprocessor_config.json, of image processors and of the feature extractors before them; absent
/// fields get the defaults of the processor's class. Error: as above; unsupported, where the processor does what a
/// TransformSpec cannot say.
Result<Settings> settings_of_transformers(const nlohmann::json& preprocessor);

/// The labels of transformers' config.json (id2label); none where it has only placeholders (LABEL_0).
Result<Labels> labels_of_transformers(const nlohmann::json& config);

/// --config: timm's config.json, a preprocessor_config.json (the config.json beside it gives the labels), a
/// config.json of transformers (the other way round), or a folder with such files. Error: not_found, io,
/// invalid_argument, naming the file.
Result<Settings> read_config(const std::filesystem::path& path);

/// The same for the files that lie beside a model (and, as Hugging Face's repositories have it, above its folder
/// `onnx`); nothing where there are none that say anything.
Result<std::optional<Settings>> read_config_beside(const std::filesystem::path& model);

/// The keys fovea.recipe and fovea.labels of an ONNX file; nothing where it has neither.
Result<std::optional<Settings>> settings_of_metadata(const std::map<std::string, std::string>& metadata);

/// All sources of a model in their order: `config` (what --config named), the metadata, the files beside the model.
/// Error: that of a damaged source, unless one before it describes the input; then it is left out with a note.
Result<std::vector<Settings>> find_sources(const std::filesystem::path& model,
                                           const std::map<std::string, std::string>& metadata,
                                           std::optional<Settings> config);

}  // namespace fovea::tasks
