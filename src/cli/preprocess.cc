// fovea preprocess IMAGE [MODEL]: the tensor that a model would see, as a .npy file.
#include <fmt/format.h>

#include "base/error.h"
#include "base/system.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/load.h"
#include "cli/output.h"
#include "pipeline/load_photo.h"
#include "pipeline/photos.h"
#include "tasks/npy.h"

namespace fovea::cli {
namespace {

struct Options {
  ModelFlags model;
  RecipeFlags recipe;
  std::string image, output;
  Format format = Format::text;
};

Result<tasks::Recipe> find_recipe(const Options& options, const tasks::Settings& settings,
                                  std::optional<tasks::Settings> config) {
  if (!options.model.path.empty()) {
    const auto shapes = FOVEA_TRY(options.model.input_shapes());
    const auto source = FOVEA_TRY(load_model(options.model, shapes));
    if (!source.graph)
      return unsupported("only an ONNX model tells its input without being compiled")
          .at(options.model.path)
          .with_fix("give --config FILE, or flags such as --size 224, and no MODEL");
    return recipe_of(source, settings, std::move(config));
  }
  if (!config && !settings.describes_input())
    return invalid_argument("nothing says how the photo is to be preprocessed")
        .with_fix("give a MODEL, --config FILE, or flags such as --size 224");
  std::vector<tasks::Settings> sources;
  if (config) sources.push_back(*std::move(config));
  return tasks::resolve_recipe(settings, sources, {});
}

Result<pipeline::LoadedPhoto> make_tensor(const tasks::Recipe& recipe, const pipeline::Photo& photo) {
  const image::Transform transform = FOVEA_TRY(image::Transform::create(recipe.transform));
  return pipeline::load_photo(photo, transform, recipe.facts.input, recipe.apply_orientation, granted_cores());
}

int preprocess(const Options& options, Console& console) {
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  const auto recipe = find_recipe(options, *settings, *std::move(config));
  if (!recipe.ok()) return console.fail(recipe.error());
  for (const std::string& note : recipe->notes) console.note(note);

  const auto list = pipeline::find_photos(std::span(&options.image, 1), console.in);
  if (!list.failures.empty()) return console.fail(list.failures.front(), kSomeInputsFailed);
  if (list.photos.size() != 1)
    return console.fail(invalid_argument("{} photos, but one .npy file takes one", list.photos.size())
                            .at(options.image)
                            .with_fix("name one photo"),
                        kWrongUsage);
  const auto made = make_tensor(*recipe, list.photos[0]);
  if (!made.ok()) return console.fail(made.error(), kSomeInputsFailed);
  const Tensor& tensor = made->input;
  if (const auto written = tasks::write_npy(options.output, tensor); !written.ok())
    return console.fail(written.error(), kSomeInputsFailed);

  if (options.format == Format::json)
    write_json_line(
        console.out,
        {{"image", options.image},
         {"file", options.output},
         {"dtype", name_of(tensor.dtype())},
         {"shape", tensor.shape()},
         {"recipe", tasks::describe(recipe->transform)},
         {"resize", name_of(recipe->transform.mode)},
         {"ms", {{"decode", significant(made->decode_ms, 6)}, {"preprocess", significant(made->preprocess_ms, 6)}}}});
  else
    console.out << fmt::format("{}  {}  ({}; decode {:.1f} ms, preprocess {:.1f} ms {})\n", printable(options.output),
                               to_string(tensor.type()), tasks::describe(recipe->transform), made->decode_ms,
                               made->preprocess_ms, name_of(recipe->transform.mode));
  return kDone;
}

}  // namespace

Command add_preprocess(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("preprocess", "write the tensor that a model would see of a photo");
  command->add_option("IMAGE", options->image, "a photo, or - for bytes on stdin")->required()->option_text(" ");
  options->model.add_to(*command, false);
  command->add_option("-o,--output", options->output, "where the tensor goes")->required()->option_text("FILE.npy");
  add_format_flag(*command, options->format, false);
  options->recipe.add_to(*command, false);
  command->footer(
      "Examples:\n  fovea preprocess photo.jpg model.onnx -o input.npy\n"
      "  fovea preprocess photo.jpg --config preprocessor_config.json -o input.npy");
  return {command, [options](Console& console) { return preprocess(*options, console); }};
}

}  // namespace fovea::cli
