// Which of the known kinds a configuration file is, and which files belong together.
#include <algorithm>

#include "base/error.h"
#include "base/text_file.h"
#include "tasks/json_fields.h"
#include "tasks/read_recipe.h"

namespace fovea::tasks {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

enum class Kind : uint8_t { timm, preprocessor, transformers, unknown };

Kind kind_of(const json& config) {
  if (!config.is_object()) return Kind::unknown;
  const JsonFields fields(config);
  if (fields.has("pretrained_cfg")) return Kind::timm;
  if (fields.has_any({"image_mean", "image_processor_type", "feature_extractor_type", "image_processor", "do_resize",
                      "do_normalize", "do_rescale", "do_center_crop"}))
    return Kind::preprocessor;
  if (fields.has_any({"id2label", "model_type", "architectures"})) return Kind::transformers;
  if (fields.has_any({"input_size", "img_size", "crop_pct", "crop_mode", "interpolation", "mean", "std",
                      "channel_order", "shortest", "label_names", "labels", "architecture"}))
    return Kind::timm;
  return Kind::unknown;
}

Result<json> read_json(const fs::path& path) {
  const std::string text = FOVEA_TRY(read_text_file(path));
  return FOVEA_TRY_AT(path.string(), parse_json(text));
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

Result<Settings> read_timm_file(const fs::path& path, const json& config) {
  Settings settings = FOVEA_TRY_AT(path.string(), settings_of_timm(config));
  settings.origin = path.filename().string();
  return settings;
}

/// A preprocessor's file with the labels of the model's.
Result<Settings> read_pair(const fs::path& preprocessor_path, const json& preprocessor) {
  Settings settings = FOVEA_TRY_AT(preprocessor_path.string(), settings_of_transformers(preprocessor));
  settings.origin = preprocessor_path.filename().string();
  const fs::path model_path = preprocessor_path.parent_path() / "config.json";
  if (model_path == preprocessor_path || !is_file(model_path)) return settings;
  const json model = FOVEA_TRY(read_json(model_path));
  if (kind_of(model) == Kind::transformers)
    settings.labels = FOVEA_TRY_AT(model_path.string(), labels_of_transformers(model));
  return settings;
}

Result<Settings> read_transformers_model(const fs::path& path, const json& config) {
  for (const char* name : {"preprocessor_config.json", "processor_config.json"}) {
    const fs::path beside = path.parent_path() / name;
    if (is_file(beside) && beside != path) {
      const json preprocessor = FOVEA_TRY(read_json(beside));
      Settings settings = FOVEA_TRY_AT(beside.string(), settings_of_transformers(preprocessor));
      settings.origin = name;
      settings.labels = FOVEA_TRY_AT(path.string(), labels_of_transformers(config));
      return settings;
    }
  }
  Settings settings;
  settings.origin = path.filename().string();
  settings.labels = FOVEA_TRY_AT(path.string(), labels_of_transformers(config));
  return settings;
}

Result<Settings> read_file(const fs::path& path) {
  const json config = FOVEA_TRY(read_json(path));
  switch (kind_of(config)) {
    case Kind::timm: return read_timm_file(path, config);
    case Kind::preprocessor: return read_pair(path, config);
    case Kind::transformers: return read_transformers_model(path, config);
    case Kind::unknown: break;
  }
  return invalid_argument("neither timm's nor transformers' way of saying how photos become inputs")
      .at(path.string())
      .with_fix("give timm's config.json, a preprocessor_config.json, or what docs/metadata.md describes");
}

Result<std::optional<Settings>> read_folder(const fs::path& folder) {
  for (const char* name : {"config.json", "preprocessor_config.json"}) {
    const fs::path path = folder / name;
    if (!is_file(path)) continue;
    const json config = FOVEA_TRY(read_json(path));
    if (kind_of(config) == Kind::unknown) continue;  // many programs have a config.json
    return std::optional(FOVEA_TRY(read_file(path)));
  }
  return std::optional<Settings>();
}

}  // namespace

Result<Settings> read_config(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    Settings settings = FOVEA_TRY(read_file(path));
    settings.origin = path.string();
    return settings;
  }
  auto settings = FOVEA_TRY(read_folder(path));
  if (!settings)
    return not_found("the folder has neither a config.json nor a preprocessor_config.json that says anything")
        .at(path.string());
  return *std::move(settings);
}

Result<std::optional<Settings>> read_config_beside(const fs::path& model) {
  fs::path folder = model.parent_path();
  if (folder.empty()) folder = ".";
  auto settings = FOVEA_TRY(read_folder(folder));
  if (settings) return settings;
  std::error_code failed;
  const fs::path absolute = fs::absolute(folder, failed).lexically_normal();
  if (failed || absolute.filename() != "onnx") return std::optional<Settings>();
  return read_folder(absolute.parent_path());
}

Result<std::optional<Settings>> settings_of_metadata(const std::map<std::string, std::string>& metadata) {
  const auto recipe = metadata.find("fovea.recipe"), labels = metadata.find("fovea.labels");
  if (recipe == metadata.end() && labels == metadata.end()) return std::optional<Settings>();
  Settings settings;
  if (recipe != metadata.end()) {
    const json config = FOVEA_TRY_AT("metadata fovea.recipe", parse_json(recipe->second));
    settings = FOVEA_TRY_AT("metadata fovea.recipe", settings_of_timm(config));
  }
  if (labels != metadata.end()) settings.labels = FOVEA_TRY_AT("metadata fovea.labels", parse_labels(labels->second));
  settings.origin = "the model's metadata";
  return std::optional(std::move(settings));
}

Result<std::vector<Settings>> find_sources(const fs::path& model, const std::map<std::string, std::string>& metadata,
                                           std::optional<Settings> config) {
  std::vector<Settings> sources;
  if (config) sources.push_back(*std::move(config));
  const auto add = [&](Result<std::optional<Settings>> found) -> Result<void> {
    if (found.ok()) {
      if (*found) sources.push_back(**std::move(found));
      return {};
    }
    // Something says how photos become inputs, but not in a way that makes sense: to guess would give wrong answers.
    if (std::ranges::none_of(sources, &Settings::describes_input))
      return std::move(found).error().with_fix("mend it, or give --config FILE");
    Settings damaged;
    damaged.notes.push_back(found.error().to_string() + "; it is left out");
    sources.push_back(std::move(damaged));
    return {};
  };
  FOVEA_TRY(add(settings_of_metadata(metadata)));
  FOVEA_TRY(add(read_config_beside(model)));
  return sources;
}

}  // namespace fovea::tasks
