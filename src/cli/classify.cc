// fovea classify MODEL IMAGE...: the best labels of each photo, with probabilities.
#include <fmt/format.h>

#include "backends/registry.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "pipeline/classifier.h"
#include "pipeline/stopwatch.h"

namespace fovea::cli {
namespace {

using pipeline::Answer;

struct Options {
  ModelFlags model;
  EngineFlags engine;
  RecipeFlags recipe;
  std::vector<std::string> images;
  int64_t top_k = 5;
  std::optional<int64_t> batch;
  Format format = Format::text;
};

void write_text(std::ostream& out, const Answer& answer) {
  const auto& ms = answer.ms;
  out << fmt::format("{}  ({:.1f} ms: decode {:.1f}, preprocess {:.1f}, infer {:.1f}, postprocess {:.1f})\n",
                     printable(answer.photo->name), ms.total(), ms.decode, ms.preprocess, ms.infer, ms.postprocess);
  for (const Prediction& one : *answer.top)
    out << fmt::format("  {:6.2f} %  {}\n", 100 * one.probability, printable(one.label));
}

void write_json(std::ostream& out, const Answer& answer) {
  Json top = Json::array();
  for (const Prediction& one : *answer.top)
    top.push_back({{"index", one.index}, {"label", one.label}, {"probability", significant(one.probability, 7)}});
  const auto& ms = answer.ms;
  const auto time = [](double value) { return significant(value, 6); };
  write_json_line(out, {{"image", answer.photo->name},
                        {"top", std::move(top)},
                        {"ms",
                         {{"decode", time(ms.decode)},
                          {"preprocess", time(ms.preprocess)},
                          {"infer", time(ms.infer)},
                          {"postprocess", time(ms.postprocess)}}}});
}

void write_csv(std::ostream& out, const Answer& answer) {
  int rank = 0;
  const auto& ms = answer.ms;
  for (const Prediction& one : *answer.top)
    out << fmt::format("{},{},{},{},{:.7g},{:.3f},{:.3f},{:.3f},{:.3f}\n", csv_field(answer.photo->name), ++rank,
                       one.index, csv_field(one.label), one.probability, ms.decode, ms.preprocess, ms.infer,
                       ms.postprocess);
}

void write_answer(std::ostream& out, Format format, const Answer& answer) {
  switch (format) {
    case Format::text: write_text(out, answer); break;
    case Format::json: write_json(out, answer); break;
    case Format::csv: write_csv(out, answer); break;
  }
}

Result<std::unique_ptr<pipeline::Classifier>> make_classifier(const Options& options, const tasks::Settings& settings,
                                                              std::optional<tasks::Settings> config,
                                                              const Console& console) {
  pipeline::Stopwatch watch;
  backends::Source source;
  auto engine = FOVEA_TRY(compile_model(options.model, options.engine, source));
  console.detail(fmt::format("read and compiled {} for {} threads in {:.1f} ms", options.model.path, engine->threads(),
                             watch.ms()));
  for (const backends::Fact& fact : engine->facts()) console.detail(fact.name + ": " + fact.value);
  auto recipe = FOVEA_TRY(recipe_of(source, settings, std::move(config)));
  for (const std::string& note : recipe.notes) console.note(note);
  console.detail(fmt::format("recipe from {}: {}", recipe.origin, tasks::describe(recipe.transform)));
  auto classifier = FOVEA_TRY(pipeline::Classifier::create(std::move(engine), std::move(recipe),
                                                           {.top_k = options.top_k, .batch = options.batch}));
  for (const std::string& note : classifier->take_notes()) console.note(note);
  return classifier;
}

int classify(const Options& options, Console& console) {
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  auto classifier = make_classifier(options, *settings, *std::move(config), console);
  if (!classifier.ok()) return console.fail(classifier.error());

  const pipeline::PhotoList list = pipeline::find_photos(options.images, console.in);
  int code = list.failures.empty() ? kDone : kSomeInputsFailed;
  for (const Error& failure : list.failures) console.error(failure);

  if (options.format == Format::csv)
    console.out << "image,rank,index,label,probability,decode_ms,preprocess_ms,infer_ms,postprocess_ms\n";
  Progress progress(console, static_cast<int64_t>(list.photos.size()));
  (*classifier)->classify(list.photos, [&](Answer&& answer) {
    if (interrupted()) {
      code = kInterrupted;
      return false;
    }
    progress.advance();
    const auto notes = (*classifier)->take_notes();
    if (!notes.empty() || !answer.top.ok()) progress.clear();
    for (const std::string& note : notes) console.note(note);
    if (answer.top.ok()) {
      write_answer(console.out, options.format, answer);
      return static_cast<bool>(console.out);
    }
    if (answer.model_failed) {
      code = console.fail(Error(answer.top.error()).at(options.model.path), kModelUnusable);
      return false;
    }
    console.error(answer.top.error());
    code = kSomeInputsFailed;
    return true;
  });
  return code;
}

}  // namespace

Command add_classify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("classify", "name what is on photos: top-k labels with probabilities");
  options->model.add_to(*command);
  command
      ->add_option("IMAGE", options->images,
                   "files, folders (searched with all folders below), globs, or - for bytes on stdin")
      ->required()
      ->option_text("...");
  command->add_option("--topk", options->top_k, "how many labels (default 5)")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("K");
  command->add_option("--batch", options->batch, "photos that run together (default 1, or the model's own)")
      ->check(CLI::Range(1, 4096))
      ->option_text("N");
  add_format_flag(*command, options->format, true);
  options->engine.add_to(*command);
  options->recipe.add_to(*command, true);
  command->footer(
      "Examples:\n  fovea classify models/demo.onnx models/photos/coffee.jpg\n"
      "  fovea classify model.onnx photos/ --topk 1 --batch 8 --format csv > labels.csv\n"
      "  curl -s https://example.org/cat.jpg | fovea classify model.onnx -");
  return {command, [options](Console& console) { return classify(*options, console); }};
}

}  // namespace fovea::cli
