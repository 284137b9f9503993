#include "pipeline/quantize/recipe_note.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace fovea::pipeline {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
void overrule(std::optional<T>& value, const std::optional<T>& by) {
  if (by) value = by;
}

std::string_view name_of(image::TimmCropMode mode) {
  switch (mode) {
    case image::TimmCropMode::center: return "center";
    case image::TimmCropMode::squash: return "squash";
    case image::TimmCropMode::border: return "border";
  }
  return "center";
}

/// In the words that settings_of_timm reads.
Json words_of(const tasks::Settings& s) {
  Json words = Json::object();
  const auto size = [](const image::Size& value) { return Json::array({3, value.height, value.width}); };
  if (s.input_size) words["input_size"] = size(*s.input_size);
  if (s.test_input_size) words["test_input_size"] = size(*s.test_input_size);
  if (s.interpolation) words["interpolation"] = image::name_of(*s.interpolation);
  if (s.crop_pct) words["crop_pct"] = *s.crop_pct;
  if (s.test_crop_pct) words["test_crop_pct"] = *s.test_crop_pct;
  if (s.crop_mode) words["crop_mode"] = name_of(*s.crop_mode);
  if (s.shortest) words["shortest"] = *s.shortest;
  if (s.divisor) words["divisor"] = *s.divisor;
  if (s.mean) words["mean"] = *s.mean;
  if (s.std) words["std"] = *s.std;
  if (s.order) words["channel_order"] = *s.order == image::ChannelOrder::bgr ? "bgr" : "rgb";
  return words;
}

void note_labels(const tasks::Recipe& recipe, Graph& graph) {
  const auto classes = recipe.facts.output.classes;
  if (!classes || recipe.label_candidates.empty()) return;
  const auto choice = tasks::choose_labels(recipe.label_candidates, *classes);
  if (!choice.ok() || choice->labels.empty() || choice->origin == "ImageNet") return;
  graph.metadata["fovea.labels"] = Json(choice->labels).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string note_recipe(const tasks::Settings& flags, std::span<const tasks::Settings> sources,
                        const tasks::Recipe& recipe, Graph& graph) {
  if (!flags.labels.empty() || !graph.metadata.contains("fovea.labels")) note_labels(recipe, graph);
  const bool overruled = flags.describes_input() || flags.divisor;
  if (recipe.facts.input.baked || (graph.metadata.contains("fovea.recipe") && !overruled)) return {};
  tasks::Settings merged;
  const auto base = std::ranges::find_if(sources, &tasks::Settings::describes_input);
  if (base != sources.end()) merged = *base;
  if (merged.transform)
    return "the recipe of " + merged.origin + " cannot be written into the model: keep that file beside it";
  overrule(merged.input_size, flags.input_size);
  overrule(merged.crop_pct, flags.crop_pct);
  overrule(merged.crop_mode, flags.crop_mode);
  overrule(merged.interpolation, flags.interpolation);
  overrule(merged.mean, flags.mean);
  overrule(merged.std, flags.std);
  overrule(merged.order, flags.order);
  overrule(merged.shortest, flags.shortest);
  overrule(merged.divisor, flags.divisor);
  if (flags.input_size) merged.test_input_size.reset();
  if (flags.crop_pct) merged.test_crop_pct.reset();
  const Json words = words_of(merged);
  if (!words.empty()) graph.metadata["fovea.recipe"] = words.dump(-1, ' ', false, Json::error_handler_t::replace);
  return {};
}

}  // namespace fovea::pipeline
