// fovea classify MODEL IMAGE...: the best labels of each photo, with probabilities.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "backends/registry.h"
#include "base/error.h"
#include "cli/classify_answers.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/load.h"
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
  std::string resume;
  bool progress = false;
  Format format = Format::text;
};

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

/// Where the answers go: to the console, or behind those of an earlier run.
struct Sink {
  std::ofstream file;
  std::ostream* out = nullptr;
  Format format = Format::text;
  EarlierAnswers earlier;
};

/// Reads what is there; writes nothing yet.
Result<Sink> prepare_sink(const Options& options, Console& console) {
  Sink sink;
  sink.out = &console.out;
  sink.format = options.format;
  if (options.resume.empty()) return sink;
  if (options.format == Format::csv)
    return invalid_argument("--resume writes JSON lines, not csv").with_fix("leave --format out");
  sink.earlier = FOVEA_TRY(read_earlier_answers(options.resume));
  sink.format = Format::json;
  sink.out = nullptr;  // the file, which is not yet where it will stay
  return sink;
}

/// Opens the file of --resume, without the answer that was cut off.
Result<void> open_file(const Options& options, Sink& sink) {
  if (options.resume.empty()) return {};
  std::error_code failed;
  if (std::filesystem::exists(options.resume, failed))
    std::filesystem::resize_file(options.resume, static_cast<uintmax_t>(sink.earlier.whole_bytes), failed);
  sink.file.open(options.resume, std::ios::binary | std::ios::app);
  if (failed || !sink.file) return io("cannot write to this file").at(options.resume);
  return {};
}

int classify(const Options& options, Console& console) {
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  auto sink = prepare_sink(options, console);
  if (!sink.ok()) return console.fail(sink.error(), kWrongUsage);
  auto classifier = make_classifier(options, *settings, *std::move(config), console);
  if (!classifier.ok()) return console.fail(classifier.error());
  if (const auto opened = open_file(options, *sink); !opened.ok()) return console.fail(opened.error(), kWrongUsage);

  pipeline::PhotoList list = pipeline::find_photos(options.images, console.in);
  int code = list.failures.empty() ? kDone : kSomeInputsFailed;
  for (const Error& failure : list.failures) console.error(failure);
  const size_t found = list.photos.size();
  std::erase_if(list.photos, [&](const pipeline::Photo& photo) { return sink->earlier.has(photo); });
  if (found > list.photos.size())
    console.note(fmt::format("{} of {} photos are in {} already", found - list.photos.size(), found, options.resume));

  std::ostream& out = sink->out != nullptr ? *sink->out : sink->file;
  const tasks::Recipe& recipe = (*classifier)->recipe();
  const std::string_view resize = recipe.facts.input.baked ? "baked" : name_of(recipe.transform.mode);
  write_header(out, sink->format);
  std::optional<Progress> progress;
  progress.emplace(console, static_cast<int64_t>(list.photos.size()), "images", options.progress);
  int64_t answered = 0, failed = std::ssize(list.failures);
  const auto go_on = [&] {
    if (!interrupted()) return true;
    code = kInterrupted;
    return answered % (*classifier)->batch() != 0;  // those that ran with it have their answers, too
  };
  (*classifier)->classify(list.photos, [&](Answer&& answer) {
    ++answered;
    progress->advance();
    const auto notes = (*classifier)->take_notes();
    if (!notes.empty() || !answer.top.ok()) progress->clear();
    for (const std::string& note : notes) console.note(note);
    if (answer.top.ok()) {
      write_answer(out, sink->format, answer, resize);
      out.flush();  // what is answered is kept, or read by the next program, whatever happens
      return out && go_on();
    }
    if (answer.model_failed) {
      code = console.fail(Error(answer.top.error()).at(options.model.path), kModelUnusable);
      return false;
    }
    console.error(answer.top.error());
    ++failed;
    code = kSomeInputsFailed;
    return go_on();
  });
  progress.reset();  // its last line comes first
  if (const int64_t tried = answered + std::ssize(list.failures); failed > 0 && tried > 1)
    console.note(fmt::format("{} of {} photos have no answer", failed, tried));
  if (!options.resume.empty() && !sink->file)
    return console.fail(io("cannot write to this file").at(options.resume), kSomeInputsFailed);
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
  command
      ->add_option("--resume", options->resume,
                   "append answers to this file as JSON lines; photos that it has answers for are left out")
      ->option_text("OUT.jsonl");
  command->add_flag("--progress", options->progress, "progress on stderr even where that is no terminal");
  add_format_flag(*command, options->format, true);
  options->engine.add_to(*command);
  options->recipe.add_to(*command, true);
  command->footer(
      "Examples:\n  fovea classify models/demo.onnx models/photos/coffee.jpg\n"
      "  fovea classify model.onnx photos/ --topk 1 --batch 8 --format csv > labels.csv\n"
      "  fovea classify model.onnx photos/ --resume labels.jsonl     # stop it with Ctrl-C, go on with the same line\n"
      "  curl -s https://example.org/cat.jpg | fovea classify model.onnx -");
  return {command, [options](Console& console) { return classify(*options, console); }};
}

}  // namespace fovea::cli
