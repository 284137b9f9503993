#include "cli/flags.h"

#include <charconv>
#include <cstdlib>

#include "backends/native/engine_cache.h"
#include "base/error.h"
#include "tasks/read_recipe.h"

namespace fovea::cli {
namespace {

constexpr int64_t kMaxSide = 1 << 15;

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<std::optional<image::Size>> parse_size(std::string_view text) {
  if (text.empty()) return std::optional<image::Size>();
  const auto parts = split(text, 'x');
  const auto height = parse_number<int64_t>(parts.front()), width = parse_number<int64_t>(parts.back());
  if (parts.size() > 2 || !height || !width || *height < 1 || *width < 1 || *height > kMaxSide || *width > kMaxSide)
    return invalid_argument("--size {} is no size", text).with_fix("write 224, or HEIGHTxWIDTH such as 416x288");
  return std::optional(image::Size{*height, *width});
}

Result<std::optional<tasks::Rgb>> parse_rgb(std::string_view flag, std::string_view text) {
  if (text.empty()) return std::optional<tasks::Rgb>();
  const auto parts = split(text, ',');
  tasks::Rgb values{};
  bool good = parts.size() == 1 || parts.size() == 3;
  for (size_t c = 0; good && c < 3; ++c) {
    const auto value = parse_number<double>(parts[parts.size() == 1 ? 0 : c]);
    good = value.has_value();
    values[c] = value.value_or(0);
  }
  if (!good) return invalid_argument("{} {}", flag, text).with_fix("give three numbers, such as 0.485,0.456,0.406");
  return std::optional(values);
}

/// --resize: a mode, a rule, or both with a comma between.
Result<void> read_resize(std::string_view text, tasks::Settings& settings) {
  constexpr std::string_view kRule = "shortest=";
  for (std::string_view word : split(text, ',')) {
    if (word.starts_with(kRule)) {
      settings.shortest = parse_number<int64_t>(word.substr(kRule.size()));
      if (settings.shortest && *settings.shortest >= 1 && *settings.shortest <= kMaxSide) continue;
    } else if (const auto mode = image::parse_resize_mode(word); mode.ok()) {
      settings.resize_mode = *mode;
      continue;
    }
    return invalid_argument("--resize {}", text)
        .with_fix("write exact, float or scaled, or shortest=N, such as shortest=640");
  }
  return {};
}

}  // namespace

void add_format_flag(CLI::App& app, Format& format, bool with_csv) {
  std::map<std::string, Format> forms = {{"text", Format::text}, {"json", Format::json}};
  if (with_csv) forms.emplace("csv", Format::csv);
  app.add_option("--format", format, with_csv ? "text, json (an object a line) or csv" : "text or json")
      ->transform(CLI::Transformer(forms))
      ->option_text("FORM");
}

void add_precision_flag(CLI::App& app, Precision& precision) {
  const std::map<std::string, Precision> names = {
      {"fp32", Precision::fp32}, {"bf16", Precision::bf16}, {"fp16", Precision::fp16}, {"int8", Precision::int8}};
  app.add_option("--precision", precision, "fp32 (default), bf16, fp16 or int8, where the backend has it")
      ->transform(CLI::Transformer(names))
      ->option_text("P");
}

void EngineFlags::add_to(CLI::App& app) {
  app.add_option("--backend", backend, "what runs the model; fovea doctor lists them")->option_text("NAME[:DEVICE]");
  app.add_option("-O", options, "an option of the backend; may be repeated")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  add_precision_flag(app, precision);
  app.add_option("--threads", threads, "default: the cores that the system grants")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  app.add_option("--cache", cache,
                 "folder where the backend keeps compiled engines; default: that of the user's caches. FOVEA_CACHE=DIR "
                 "says the same for every call")
      ->option_text("DIR|default");
  app.add_flag("--no-cache", no_cache, "none, whatever FOVEA_CACHE says");
}

Result<CompileOptions> EngineFlags::compile_options(const pipeline::InputShapes& shapes) const {
  CompileOptions result{backend, precision, threads, {}, shapes, {}};
  std::string folder = cache;
  if (const char* always = std::getenv("FOVEA_CACHE"); folder.empty() && always != nullptr) folder = always;
  if (folder == "default") folder = backends::default_cache_folder().string();
  if (!no_cache) result.cache = folder;
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid_argument("-O {} is no setting", option).with_fix("write -O key=value");
    result.options[option.substr(0, equals)] = option.substr(equals + 1);
  }
  return result;
}

void ModelFlags::add_to(CLI::App& app, bool required) {
  app.add_option("MODEL", path, "an .onnx file, or what the backend reads: .pt, .pt2, .xml")
      ->required(required)
      ->option_text(" ");
  app.add_option("--shape", shapes, "what a dynamic input is to be; may be repeated")
      ->option_text("NAME=1x3x224x224")
      ->allow_extra_args(false);
}

Result<pipeline::InputShapes> ModelFlags::input_shapes() const {
  pipeline::InputShapes result;
  for (const std::string& text : shapes) {
    auto [name, shape] = FOVEA_TRY(pipeline::parse_input_shape(text));
    result[std::move(name)] = std::move(shape);
  }
  return result;
}

void RecipeFlags::add_to(CLI::App& app, bool with_labels) {
  const std::string group = "How photos become inputs (usually the model says so)";
  const auto add = [&](const char* name, auto& value, const char* help, const char* text) {
    app.add_option(name, value, help)->group(group)->option_text(text);
  };
  add("--config", config, "timm's config.json, transformers' preprocessor_config.json, or a folder of them", "FILE");
  if (with_labels) add("--labels", labels, "class names: one a line, or JSON (list or index -> name)", "FILE");
  add("--size", size, "size of the model's input, height first", "HxW");
  add("--resize", resize,
      "exact (Pillow's pixels, default), float (not rounded between the passes) or scaled (also JPEGs decoded at a "
      "fraction); and shortest=N: the short side becomes N, nothing is cropped (dynamic models), as in "
      "float,shortest=640",
      "HOW");
  add("--divisor", divisor, "with --resize: sides become multiples of it (default 32)", "N");
  add("--crop-pct", crop_pct, "part of the resized photo that the crop keeps (default 0.875)", "X");
  add("--crop-mode", crop_mode, "center, squash or border", "MODE");
  add("--interpolation", interpolation, "bicubic, bilinear, nearest, lanczos, box or hamming", "FILTER");
  add("--mean", mean, "of pixels from 0 to 1, as in 0.485,0.456,0.406", "R,G,B");
  add("--std", std, "likewise", "R,G,B");
  add("--channel-order", channel_order, "rgb or bgr", "ORDER");
  app.add_flag("--exif-orientation", exif_orientation, "turn photos as their EXIF block says (timm does not)")
      ->group(group);
}

Result<tasks::Settings> RecipeFlags::settings() const {
  tasks::Settings settings;
  settings.origin = "the flags";
  settings.input_size = FOVEA_TRY(parse_size(size));
  settings.mean = FOVEA_TRY(parse_rgb("--mean", mean));
  settings.std = FOVEA_TRY(parse_rgb("--std", std));
  if (crop_pct && !(*crop_pct > 0 && *crop_pct <= 10))
    return invalid_argument("--crop-pct {}", *crop_pct).with_fix("give a part between 0 and 1");
  settings.crop_pct = crop_pct;
  if (!crop_mode.empty()) settings.crop_mode = FOVEA_TRY_AT("--crop-mode", image::parse_timm_crop_mode(crop_mode));
  if (!interpolation.empty())
    settings.interpolation = FOVEA_TRY_AT("--interpolation", image::parse_interpolation(interpolation));
  if (!channel_order.empty()) {
    if (channel_order != "rgb" && channel_order != "bgr")
      return invalid_argument("--channel-order {}", channel_order).with_fix("give rgb or bgr");
    settings.order = channel_order == "rgb" ? image::ChannelOrder::rgb : image::ChannelOrder::bgr;
  }
  if (!resize.empty()) FOVEA_TRY(read_resize(resize, settings));
  if (divisor && (*divisor < 1 || *divisor > kMaxSide))
    return invalid_argument("--divisor {}", *divisor).with_fix("give a number of at least 1");
  settings.divisor = divisor;
  settings.apply_orientation = exif_orientation;
  if (!labels.empty()) {
    settings.labels = FOVEA_TRY_AT("--labels", tasks::read_labels(labels));
    settings.origin = "--labels " + labels;
  }
  return settings;
}

Result<std::optional<tasks::Settings>> RecipeFlags::config_settings() const {
  if (config.empty()) return std::optional<tasks::Settings>();
  return std::optional(FOVEA_TRY_AT("--config", tasks::read_config(config)));
}

}  // namespace fovea::cli
