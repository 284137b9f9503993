// fovea verify MODEL --against BUNDLE: where fovea and Python part ways on a photo.
#include "pipeline/verify.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/load.h"
#include "cli/output.h"

namespace fovea::cli {
namespace {

using pipeline::Difference;
using pipeline::StageCheck;

struct Options {
  ModelFlags model;
  EngineFlags engine;
  RecipeFlags recipe;
  std::string bundle;
  std::optional<double> tolerance;
  Format format = Format::text;
};

/// What is allowed: nothing up to the model with exact resizing, and of the model what its number format costs. Without
/// rounding between the passes pixels differ by one level; of whole pixels `scaled` makes the same as `float`, and only
/// from a JPEG that it decodes at a fraction what docs/using.md says of it.
pipeline::VerifyOptions allowed(const Options& options, const tasks::Recipe& recipe) {
  constexpr double kFloat = 1e-4, kLowPrecision = 5e-2, kLevels = 1.5, kScaledLevels = 44;
  pipeline::VerifyOptions result;
  result.model = options.tolerance.value_or(options.engine.precision == Precision::fp32 ? kFloat : kLowPrecision);
  const image::ResizeMode mode = recipe.transform.mode;
  if (mode != image::ResizeMode::exact) result.resize = result.resize_from_photo = kLevels;
  if (mode == image::ResizeMode::scaled) result.resize_from_photo = kScaledLevels;
  return result;
}

std::string in_words(const Result<Difference>& outcome, std::string_view stage) {
  if (!outcome.ok()) return "cannot be compared: " + outcome.error().message;
  if (outcome->differing == 0) return "the same";
  std::string text = fmt::format("max {:.4g} at [{}] ({:.6g} here, {:.6g} there), mean {:.3g}, {} differ", outcome->max,
                                 fmt::join(outcome->where, ", "), outcome->ours, outcome->theirs, outcome->mean,
                                 count_text(outcome->differing));
  if (stage == "model") text += fmt::format(", relative L2 {:.3g}", outcome->rel_l2);
  return text;
}

void write_text(std::ostream& out, const pipeline::Verification& found, const tasks::Bundle& bundle) {
  if (!bundle.made_by.empty()) out << "against  " << printable(bundle.made_by) << '\n';
  for (const StageCheck& check : found.stages) {
    const bool first = check.stage == "decode";
    out << fmt::format("{:<10} {:<8} {}{}\n", check.stage, check.agrees ? "agrees" : "DIFFERS", first ? "" : "alone: ",
                       in_words(check.alone && !first ? *check.alone : *check.chain, check.stage));
    if (check.alone && !first)
      out << fmt::format("{:20}from the photo on: {}\n", "", in_words(*check.chain, check.stage));
  }
  out << (found.first_difference ? "the first stage that differs: " + *found.first_difference : "all stages agree")
      << '\n';
}

Json in_json(const std::optional<Result<Difference>>& outcome) {
  if (!outcome) return nullptr;
  if (!outcome->ok()) return {{"failed", outcome->error().message}};
  const Difference& d = **outcome;
  return {{"max", significant(d.max, 6)},
          {"mean", significant(d.mean, 6)},
          {"rel_l2", significant(d.rel_l2, 6)},
          {"differing", d.differing},
          {"where", d.where},
          {"here", significant(d.ours, 9)},
          {"there", significant(d.theirs, 9)}};
}

void write_json(std::ostream& out, const Options& options, const pipeline::Verification& found,
                const tasks::Recipe& recipe) {
  Json stages = Json::array();
  for (const StageCheck& check : found.stages)
    stages.push_back({{"stage", check.stage},
                      {"agrees", check.agrees},
                      {"tolerance", check.tolerance},
                      {"alone", in_json(check.alone)},
                      {"from_photo", in_json(check.chain)}});
  write_json_line(out, {{"model", options.model.path},
                        {"bundle", options.bundle},
                        {"resize", name_of(recipe.transform.mode)},
                        {"stages", std::move(stages)},
                        {"first_difference", found.first_difference ? Json(*found.first_difference) : Json()}});
}

int verify(const Options& options, Console& console) {
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  const auto bundle = tasks::read_bundle(options.bundle);
  if (!bundle.ok()) return console.fail(bundle.error(), kWrongUsage);
  backends::Source source;
  const auto engine = compile_model(options.model, options.engine, source);
  if (!engine.ok()) return console.fail(engine.error());
  const auto recipe = recipe_of(source, *settings, *std::move(config));
  if (!recipe.ok()) return console.fail(recipe.error());
  for (const std::string& note : recipe->notes) console.note(note);
  const auto found = pipeline::verify(**engine, *recipe, *bundle, allowed(options, *recipe));
  if (!found.ok()) return console.fail(found.error());
  if (options.format == Format::json)
    write_json(console.out, options, *found, *recipe);
  else
    write_text(console.out, *found, *bundle);
  return found->first_difference ? kSomeInputsFailed : kDone;
}

}  // namespace

Command add_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("verify", "where fovea and Python part ways: replay what Python made of a photo");
  options->model.add_to(*command);
  command->add_option("--against", options->bundle, "a folder that tools/make_bundle.py wrote")
      ->required()
      ->option_text("BUNDLE");
  command
      ->add_option("--tolerance", options->tolerance,
                   "allowed relative L2 distance of the outputs (default 1e-4 in fp32, else 0.05)")
      ->check(CLI::NonNegativeNumber)
      ->option_text("X");
  add_format_flag(*command, options->format, false);
  options->engine.add_to(*command);
  options->recipe.add_to(*command, false);
  command->footer(
      "Exit codes: 0 all stages agree, 1 one differs.\n"
      "Examples:\n  tools/make_bundle.py model.onnx photo.jpg -o bundle\n"
      "  fovea verify model.onnx --against bundle");
  return {command, [options](Console& console) { return verify(*options, console); }};
}

}  // namespace fovea::cli
