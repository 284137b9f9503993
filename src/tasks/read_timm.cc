// timm's pretrained_cfg as Settings.
#include "base/error.h"
#include "tasks/json_fields.h"
#include "tasks/read_recipe.h"

namespace fovea::tasks {
namespace {

using nlohmann::json;

constexpr int64_t kMaxSide = 1 << 15;

/// [channels, height, width] as timm writes it; [height, width] and one number from older configurations.
Result<std::optional<image::Size>> read_size(const JsonFields& fields, std::string_view key) {
  auto list = FOVEA_TRY(fields.integers(key));
  if (!list) return std::optional<image::Size>();
  if (list->size() == 3) {
    if (list->front() != 3)
      return unsupported("\"{}\" asks for {} channels, fovea feeds 3", key, list->front())
          .with_fix("use fovea run, which feeds any tensors");
    list->erase(list->begin());
  }
  if (list->empty() || list->size() > 2)
    return invalid_argument("\"{}\" has {} numbers", key, list->size()).with_fix("write [3, height, width]");
  const image::Size size{list->front(), list->back()};
  if (size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide)
    return invalid_argument("\"{}\" is {}x{}, the sides should lie between 1 and {}", key, size.height, size.width,
                            kMaxSide);
  return std::optional(size);
}

Result<std::optional<Rgb>> read_rgb(const JsonFields& fields, std::string_view key) {
  const auto list = FOVEA_TRY(fields.numbers(key));
  if (!list) return std::optional<Rgb>();
  if (list->size() == 1) return std::optional<Rgb>({list->front(), list->front(), list->front()});
  if (list->size() != 3)
    return invalid_argument("\"{}\" has {} numbers, a photo has 3 channels", key, list->size())
        .with_fix("write one number a channel");
  return std::optional<Rgb>({(*list)[0], (*list)[1], (*list)[2]});
}

Result<std::optional<double>> read_crop_pct(const JsonFields& fields, std::string_view key) {
  auto value = FOVEA_TRY(fields.number(key));
  if (value && (*value < 0 || *value > 10))
    return invalid_argument("\"{}\" is {}, a part of the photo lies between 0 and 1", key, *value);
  if (value == 0) value.reset();  // timm's own rule: 0 means the default
  return value;
}

/// label_names are keys (WordNet's synsets) or names; label_descriptions, where there are some, explain the keys.
Result<Labels> read_label_names(const JsonFields& fields) {
  const json* names = fields.find("label_names");
  if (!names) names = fields.find("labels");  // what timm called them before
  if (!names) return Labels();
  Labels labels = FOVEA_TRY(labels_of_json(*names));
  if (const json* descriptions = fields.find("label_descriptions"); descriptions && descriptions->is_object())
    for (std::string& label : labels)
      if (const auto it = descriptions->find(label); it != descriptions->end() && it->is_string())
        label = it->get<std::string>();
  return labels;
}

Result<void> read_fields(const JsonFields& fields, Settings& settings) {
  for (std::string_view key : {"input_size", "img_size", "image_size"})
    if (!settings.input_size) settings.input_size = FOVEA_TRY(read_size(fields, key));
  settings.test_input_size = FOVEA_TRY(read_size(fields, "test_input_size"));
  settings.crop_pct = FOVEA_TRY(read_crop_pct(fields, "crop_pct"));
  settings.test_crop_pct = FOVEA_TRY(read_crop_pct(fields, "test_crop_pct"));
  if (const auto mode = FOVEA_TRY(fields.text("crop_mode")); mode && !mode->empty())
    settings.crop_mode = FOVEA_TRY(image::parse_timm_crop_mode(*mode));
  if (const auto name = FOVEA_TRY(fields.text("interpolation")); name && !name->empty())
    settings.interpolation = FOVEA_TRY(image::parse_interpolation(*name));
  settings.mean = FOVEA_TRY(read_rgb(fields, "mean"));
  settings.std = FOVEA_TRY(read_rgb(fields, "std"));
  if (const auto order = FOVEA_TRY(fields.text("channel_order"))) {
    if (*order != "rgb" && *order != "bgr")
      return invalid_argument("\"channel_order\" is \"{}\"", *order).with_fix("write \"rgb\" or \"bgr\"");
    settings.order = *order == "rgb" ? image::ChannelOrder::rgb : image::ChannelOrder::bgr;
  }
  settings.shortest = FOVEA_TRY(fields.integer("shortest"));
  settings.divisor = FOVEA_TRY(fields.integer("divisor"));
  for (const auto& value : {settings.shortest, settings.divisor})
    if (value && (*value < 1 || *value > kMaxSide))
      return invalid_argument("\"shortest\" and \"divisor\" should lie between 1 and {}", kMaxSide);
  settings.labels = FOVEA_TRY(read_label_names(fields));
  return {};
}

}  // namespace

Result<Settings> settings_of_timm(const json& config) {
  if (!config.is_object()) return invalid_argument("the recipe is no JSON object").with_fix("see docs/metadata.md");
  Settings settings;
  const JsonFields outer(config);
  const json* inner = outer.find("pretrained_cfg");
  if (!inner) {
    FOVEA_TRY(read_fields(outer, settings));
    return settings;
  }
  if (!inner->is_object()) return invalid_argument("\"pretrained_cfg\" is no JSON object");
  FOVEA_TRY_AT("pretrained_cfg", read_fields(JsonFields(*inner), settings));
  // timm lets the outer ones win: they are those of the classes that the model has now.
  if (Labels labels = FOVEA_TRY(read_label_names(outer)); !labels.empty()) settings.labels = std::move(labels);
  return settings;
}

}  // namespace fovea::tasks
