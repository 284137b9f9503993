// transformers' image processors as Settings.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tasks/json_fields.h"
#include "tasks/read_recipe.h"

namespace fovea::tasks {
namespace {

using image::CropRule;
using image::ResizeRule;
using nlohmann::json;

constexpr int64_t kMaxSide = 1 << 15;
constexpr Rgb kImagenetMean = {0.485, 0.456, 0.406}, kImagenetStd = {0.229, 0.224, 0.225};
constexpr Rgb kHalf = {0.5, 0.5, 0.5};
constexpr Rgb kClipMean = {0.48145466, 0.4578275, 0.40821073}, kClipStd = {0.26862954, 0.26130258, 0.27577711};

/// What a processor does besides the common steps.
enum class Habit : uint8_t {
  none,
  convnext,      // below 384: short side size / crop_pct, crop to size; from 384 on: size x size
  levit,         // short side 256 / 224 of what is said
  poolformer,    // size / crop_pct
  mobilevit,     // never normalises; BGR by default
  efficientnet,  // may take 1 off after rescaling, and divide by std twice
  perceiver,     // crops before it resizes
};

/// The class attributes of a processor: what counts where the file is silent.
struct Family {
  std::string_view name;
  Habit habit;
  bool square;  // how a size of one number is meant: both sides, or the short one
  int64_t size;
  bool crops;    // whether it does by default
  int64_t crop;  // 0: no size of its own
  int64_t resample;
  Rgb mean, std;
};

constexpr int64_t kBilinear = 2, kBicubic = 3;

// clang-format off
constexpr Family kFamilies[] = {
    {"ViT",          Habit::none,         true,  224, false, 0,   kBilinear, kHalf, kHalf},
    {"DeiT",         Habit::none,         true,  256, true,  224, kBicubic,  kHalf, kHalf},
    {"Beit",         Habit::none,         true,  224, false, 224, kBicubic,  kHalf, kHalf},
    {"Bit",          Habit::none,         false, 224, true,  224, kBicubic,  kClipMean, kClipStd},
    {"CLIP",         Habit::none,         false, 224, true,  224, kBicubic,  kClipMean, kClipStd},
    {"ConvNext",     Habit::convnext,     false, 384, false, 0,   kBicubic,  kHalf, kHalf},
    {"EfficientNet", Habit::efficientnet, true,  346, false, 289, kBicubic,  kHalf, kHalf},
    {"Levit",        Habit::levit,        false, 224, true,  224, kBicubic,  kImagenetMean, kImagenetStd},
    {"MobileNetV1",  Habit::none,         false, 256, true,  224, kBilinear, kHalf, kHalf},
    {"MobileNetV2",  Habit::none,         false, 256, true,  224, kBilinear, kHalf, kHalf},
    {"MobileViT",    Habit::mobilevit,    false, 224, true,  256, kBicubic,  kHalf, kHalf},
    {"Perceiver",    Habit::perceiver,    true,  224, true,  256, kBicubic,  kImagenetMean, kImagenetStd},
    {"PoolFormer",   Habit::poolformer,   false, 224, true,  224, kBicubic,  kImagenetMean, kImagenetStd},
    {"Pvt",          Habit::none,         true,  224, false, 0,   kBicubic,  kImagenetMean, kImagenetStd},
    {"Segformer",    Habit::none,         true,  512, false, 0,   kBilinear, kImagenetMean, kImagenetStd},
    {"Siglip",       Habit::none,         true,  224, false, 0,   kBicubic,  kHalf, kHalf},
};
// clang-format on
constexpr Family kUnknownFamily = kFamilies[0];  // ViT's attributes are those of most

/// The family of "ViTImageProcessorFast", "ConvNextFeatureExtractor", ...; ViT's where the name is unknown.
const Family& family_of(std::string_view type) {
  for (const Family& family : kFamilies) {
    if (!type.starts_with(family.name)) continue;
    const std::string_view rest = type.substr(family.name.size());
    if (rest.starts_with("ImageProcessor") || rest.starts_with("FeatureExtractor")) return family;
  }
  return kUnknownFamily;
}

/// A `size` or `crop_size`: the fields of its dictionary that are there.
struct SizeFields {
  std::optional<int64_t> height, width, shortest, longest, max_height, max_width;
};

SizeFields short_side(int64_t side) {
  SizeFields size;
  size.shortest = side;
  return size;
}
SizeFields both_sides(int64_t side) {
  SizeFields size;
  size.height = size.width = side;
  return size;
}

Result<std::optional<int64_t>> read_side(const JsonFields& fields, std::string_view key) {
  const auto side = FOVEA_TRY(fields.integer(key));
  if (side && (*side < 1 || *side > kMaxSide))
    return invalid_argument("\"{}\" is {}, a side should lie between 1 and {}", key, *side, kMaxSide);
  return side;
}

Result<std::optional<SizeFields>> read_size(const JsonFields& fields, std::string_view key, bool square) {
  const json* value = fields.find(key);
  if (!value) return std::optional<SizeFields>();
  SizeFields size;
  if (value->is_object()) {
    const JsonFields sides(*value);
    size.height = FOVEA_TRY_AT(std::string(key), read_side(sides, "height"));
    size.width = FOVEA_TRY_AT(std::string(key), read_side(sides, "width"));
    size.shortest = FOVEA_TRY_AT(std::string(key), read_side(sides, "shortest_edge"));
    size.longest = FOVEA_TRY_AT(std::string(key), read_side(sides, "longest_edge"));
    size.max_height = FOVEA_TRY_AT(std::string(key), read_side(sides, "max_height"));
    size.max_width = FOVEA_TRY_AT(std::string(key), read_side(sides, "max_width"));
    return std::optional(size);
  }
  const auto list = FOVEA_TRY(fields.integers(key));
  if (list->empty() || list->size() > 2)
    return invalid_argument("\"{}\" has {} numbers", key, list->size())
        .with_fix("write {\"height\": .., \"width\": ..}");
  for (int64_t side : *list)
    if (side < 1 || side > kMaxSide)
      return invalid_argument("\"{}\" is {}, a side should lie between 1 and {}", key, side, kMaxSide);
  if (list->size() == 2 || square) {
    size.height = list->front();
    size.width = list->back();
  } else {
    size.shortest = list->front();
  }
  return std::optional(size);
}

/// The order of preference is that of transformers' resize.
Result<void> set_resize(const SizeFields& size, image::TransformSpec& spec) {
  if (size.shortest && size.longest) {
    spec.resize_rule = ResizeRule::shortest_capped;
    spec.resize = {*size.shortest, *size.longest};
  } else if (size.shortest) {
    spec.resize_rule = ResizeRule::shortest;
    spec.resize = {*size.shortest, *size.shortest};
  } else if (size.max_height && size.max_width) {
    spec.resize_rule = ResizeRule::fit;
    spec.resize = {*size.max_height, *size.max_width};
  } else if (size.height && size.width) {
    spec.resize_rule = ResizeRule::exact;
    spec.resize = {*size.height, *size.width};
  } else {
    return invalid_argument("\"size\" says neither height and width nor shortest_edge");
  }
  return {};
}

Result<Rgb> read_rgb(const JsonFields& fields, std::string_view key, const Rgb& otherwise) {
  const auto list = FOVEA_TRY(fields.numbers(key));
  if (!list) return otherwise;
  if (list->size() == 1) return Rgb{list->front(), list->front(), list->front()};
  if (list->size() != 3)
    return invalid_argument("\"{}\" has {} numbers, a photo has 3 channels", key, list->size())
        .with_fix("write one number a channel");
  return Rgb{(*list)[0], (*list)[1], (*list)[2]};
}

class Reader {
 public:
  Reader(const JsonFields& fields, const Family& family) : fields_(fields), family_(family) {}

  Result<Settings> read() {
    FOVEA_TRY(read_resize());
    FOVEA_TRY(read_crop());
    FOVEA_TRY(read_values());
    const bool flips = family_.habit == Habit::mobilevit;
    if (FOVEA_TRY(flag("do_flip_channel_order", flips))) spec_.order = image::ChannelOrder::bgr;
    if (FOVEA_TRY(flag("do_pad", false)) && fields_.has("pad_size"))
      settings_.notes.emplace_back("its padding (do_pad) is left out");
    settings_.transform = spec_;
    return std::move(settings_);
  }

 private:
  Result<bool> flag(std::string_view key, bool otherwise) const {
    return FOVEA_TRY(fields_.boolean(key)).value_or(otherwise);
  }

  Result<void> read_resize() {
    spec_.crop_rule = CropRule::none;
    spec_.interpolation =
        FOVEA_TRY(image::interpolation_of_pillow(FOVEA_TRY(fields_.integer("resample")).value_or(family_.resample)));
    if (!FOVEA_TRY(flag("do_resize", true))) {
      spec_.resize_rule = ResizeRule::none;
      return {};
    }
    SizeFields size = family_.square ? both_sides(family_.size) : short_side(family_.size);
    size = FOVEA_TRY(read_size(fields_, "size", family_.square)).value_or(size);
    auto crop_pct = FOVEA_TRY(fields_.number("crop_pct"));
    if (crop_pct && !(*crop_pct > 0 && *crop_pct <= 10))
      return invalid_argument("\"crop_pct\" is {}, a part of the photo lies between 0 and 1", *crop_pct);
    const auto enlarged = [](int64_t side, double pct) {
      return static_cast<int64_t>(std::trunc(static_cast<double>(side) / pct));
    };
    switch (family_.habit) {
      case Habit::convnext: {
        if (!size.shortest) size.shortest = size.height;  // written by converters; the class itself would refuse it
        if (!size.shortest) break;
        const int64_t side = *size.shortest;
        constexpr int64_t kWarpFrom = 384;
        spec_.resize_rule = side < kWarpFrom ? ResizeRule::shortest : ResizeRule::exact;
        const int64_t resized = side < kWarpFrom ? enlarged(side, crop_pct.value_or(224.0 / 256.0)) : side;
        spec_.resize = {resized, resized};
        if (side < kWarpFrom) crop_to(side, side);
        return {};
      }
      case Habit::levit:
        if (size.shortest) size.shortest = static_cast<int64_t>((256.0 / 224.0) * static_cast<double>(*size.shortest));
        break;
      case Habit::poolformer: {
        const double pct = crop_pct.value_or(0.9);
        if (size.shortest) {
          size.shortest = enlarged(*size.shortest, pct);
        } else if (size.height && size.width) {
          const bool square = *size.height == *size.width;
          size.height = enlarged(*size.height, pct);
          size.width = enlarged(*size.width, pct);
          if (square) size = short_side(*size.height);
        }
        break;
      }
      case Habit::perceiver:
        return unsupported("a Perceiver processor crops before it resizes, which a recipe cannot say")
            .with_fix("give --size, --crop-pct, --mean and --std instead");
      default:
        if (crop_pct) settings_.notes.emplace_back("its crop_pct has no effect in this kind of processor");
    }
    return set_resize(size, spec_);
  }

  Result<void> read_crop() {
    if (!FOVEA_TRY(flag("do_center_crop", family_.crops))) return {};
    SizeFields crop = both_sides(family_.crop);
    if (auto said = FOVEA_TRY(read_size(fields_, "crop_size", true))) {
      crop = *said;
    } else if (family_.crop == 0) {
      if (spec_.resize_rule != ResizeRule::exact)
        return invalid_argument("do_center_crop is true, but there is no \"crop_size\"");
      settings_.notes.emplace_back("do_center_crop is true without a crop_size: nothing is cropped");
      return {};
    }
    if (crop.shortest && !crop.height) crop.height = crop.width = crop.shortest;
    if (!crop.height || !crop.width) return invalid_argument("\"crop_size\" says no height and width");
    crop_to(*crop.height, *crop.width);
    return {};
  }

  void crop_to(int64_t height, int64_t width) {
    spec_.crop_rule = CropRule::transformers;
    spec_.crop = {height, width};
  }

  Result<void> read_values() {
    const bool rescales = FOVEA_TRY(flag("do_rescale", true));
    spec_.rescale = rescales ? FOVEA_TRY(fields_.number("rescale_factor")).value_or(1.0 / 255.0) : 1.0;
    const bool never = family_.habit == Habit::mobilevit;
    const bool normalizes = !never && FOVEA_TRY(flag("do_normalize", true));
    spec_.mean = {0, 0, 0};
    spec_.std = {1, 1, 1};
    const Rgb mean = FOVEA_TRY(read_rgb(fields_, "image_mean", family_.mean));
    const Rgb std = FOVEA_TRY(read_rgb(fields_, "image_std", family_.std));
    if (normalizes) {
      spec_.mean = mean;
      spec_.std = std;
      if (!rescales && std::ranges::all_of(mean, [](double m) { return m <= 1; }))
        settings_.notes.emplace_back(
            "do_rescale is false although image_mean is meant for pixels from 0 to 1; it is done as the file says");
    }
    if (family_.habit != Habit::efficientnet) return {};
    for (size_t c = 0; c < 3; ++c) {
      if (FOVEA_TRY(flag("rescale_offset", false))) spec_.mean[c] += 1;  // x - 1 first, then - mean
      if (FOVEA_TRY(flag("include_top", true))) spec_.std[c] *= std[c];
    }
    return {};
  }

  const JsonFields& fields_;
  const Family& family_;
  Settings settings_;
  image::TransformSpec spec_;
};

}  // namespace

Result<Settings> settings_of_transformers(const json& preprocessor) {
  if (!preprocessor.is_object()) return invalid_argument("the preprocessor's configuration is no JSON object");
  const json* nested = JsonFields(preprocessor).find("image_processor");  // as processor_config.json has it
  const JsonFields fields(nested && nested->is_object() ? *nested : preprocessor);
  std::optional<std::string> type;
  for (std::string_view key : {"image_processor_type", "feature_extractor_type"})
    if (!type) type = FOVEA_TRY(fields.text(key));
  return Reader(fields, family_of(type.value_or(""))).read();
}

Result<Labels> labels_of_transformers(const json& config) {
  if (!config.is_object()) return invalid_argument("the configuration is no JSON object");
  const json* names = JsonFields(config).find("id2label");
  if (!names) return Labels();
  Labels labels = FOVEA_TRY_AT("id2label", labels_of_json(*names));
  const bool placeholders = std::ranges::all_of(
      labels, [](const std::string& label) { return label.empty() || label.starts_with("LABEL_"); });
  return placeholders ? Labels() : labels;
}

}  // namespace fovea::tasks
