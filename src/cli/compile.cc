// fovea compile MODEL -o OUT.fovea: an engine file of the native backend.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backends/native/native.h"
#include "backends/registry.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine_text.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/output.h"
#include "pipeline/inspect.h"
#include "pipeline/stopwatch.h"

namespace fovea::cli {
namespace {

struct Options {
  ModelFlags model;
  RecipeFlags recipe;
  std::vector<std::string> settings;
  std::vector<int64_t> batches;
  Precision precision = Precision::fp32;
  int threads = 0;
  bool tune = false;
  std::string timings;
  std::string out;
  Format format = Format::text;
};

/// The size of photos that the recipe asks for, where the model leaves it open.
std::pair<std::optional<int64_t>, std::optional<int64_t>> photo_size(const backends::Source& source,
                                                                     const tasks::Settings& settings,
                                                                     std::optional<tasks::Settings> config) {
  const auto recipe = recipe_of(source, settings, std::move(config));
  if (!recipe.ok()) return {};
  const auto& spec = recipe->transform;
  if (spec.crop_rule != image::CropRule::none) return {spec.crop.height, spec.crop.width};
  if (spec.resize_rule == image::ResizeRule::none) return {};
  return {spec.resize.height, spec.resize.width};
}

/// The inputs' types for each batch.
Result<std::vector<std::vector<TensorType>>> input_types(const Graph& graph, const std::vector<int64_t>& batches,
                                                         std::optional<int64_t> height, std::optional<int64_t> width) {
  std::vector<std::vector<TensorType>> all;
  for (const int64_t batch : batches.empty() ? std::vector<int64_t>{0} : batches) {
    Graph sized = graph;
    bool is_open = batch == 0;
    for (ValueId v : graph.inputs) {
      ValueType type = graph.value(v).type;
      if (graph.constant(v) || !type.shape || type.shape->empty()) continue;
      Dim& first = type.shape->front();
      is_open |= !first.known() || first.value == batch;
      if (batch > 0 && !first.known()) first.value = batch;
      sized.set_type(v, type);
    }
    if (!is_open)
      return invalid_argument("--batch {}, but the model's batch is fixed", batch).with_fix("leave --batch out");
    all.push_back(FOVEA_TRY(pipeline::estimate_work(sized, height, width)).inputs);
  }
  return all;
}

Result<backends::CompiledFile> compile(const Options& options, const tasks::Settings& settings,
                                       std::optional<tasks::Settings> config, const cpu::TuneWatch& watch) {
  const auto shapes = FOVEA_TRY(options.model.input_shapes());
  EngineFlags flags;
  flags.options = options.settings;
  flags.precision = options.precision;
  flags.threads = options.threads;
  flags.no_cache = true;
  if (options.tune) flags.options.push_back("tune=true");
  if (!options.timings.empty()) flags.options.push_back("timing_cache=" + options.timings);
  const CompileOptions compile_options = FOVEA_TRY(flags.compile_options(shapes));
  if (!backends::is_onnx(options.model.path))
    return invalid_argument("{} is no ONNX model", options.model.path).with_fix("give the .onnx file");
  backends::Source source = FOVEA_TRY(load_model(options.model, shapes));
  const auto [height, width] = photo_size(source, settings, std::move(config));
  const auto inputs = FOVEA_TRY_AT(options.model.path, input_types(*source.graph, options.batches, height, width));
  return backends::compile_to_file(std::move(source), compile_options, inputs, options.out, watch);
}

/// What is being measured, on a terminal.
class TuneProgress {
 public:
  explicit TuneProgress(Console& console) : console_(console) {}
  cpu::TuneWatch watch() {
    return {[this](const std::string& what) { show(what); }, interrupted};
  }
  void clear() {
    if (std::exchange(visible_, false)) console_.err << "\r\x1b[K" << std::flush;
  }

 private:
  void show(const std::string& what) {
    if (!console_.terminal || console_.quiet || console_.verbose) return;
    console_.err << fmt::format("\r\x1b[Ktuning: {}", what) << std::flush;
    visible_ = true;
  }

  Console& console_;
  bool visible_ = false;
};

int run(const Options& options, Console& console) {
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  std::error_code failed;
  if (std::filesystem::equivalent(options.model.path, options.out, failed))
    return console.fail(invalid_argument("-o {} is the model itself", options.out).with_fix("give another name"));
  const pipeline::Stopwatch watch;
  TuneProgress progress(console);
  const auto file = compile(options, *settings, *std::move(config), progress.watch());
  progress.clear();
  if (!file.ok() && interrupted()) {
    if (!options.tune) return console.fail(file.error(), kInterrupted);
    console.note("stopped; nothing of what was being measured is kept");
    return kInterrupted;
  }
  if (!file.ok()) {
    const bool disk = file.error().code == ErrorCode::io;
    return disk ? console.fail(file.error(), kSomeInputsFailed) : console.fail(file.error());
  }
  if (options.format == Format::json)
    write_json_line(console.out, engine_json(options.out, *file, watch.ms()));
  else
    write_engine_text(console.out, options.out, *file);
  console.detail(fmt::format("compiled in {:.0f} ms", watch.ms()));
  return kDone;
}

}  // namespace

Command add_compile(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("compile", "an engine file: the model ready to run on this machine");
  options->model.add_to(*command);
  command->add_option("-o,--output", options->out, "the engine file to write")->required()->option_text("OUT.fovea");
  command->add_option("--batch", options->batches, "batch sizes to be ready for (default: the model's own, or 1)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 4096))
      ->option_text("N,...");
  command->add_option("--threads", options->threads, "default: the cores that the system grants")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  command->add_flag("--tune", options->tune, "measure which way of doing each step is the fastest here; takes a while");
  command->add_option("--timing-cache", options->timings, "with --tune: the file that keeps what was measured")
      ->needs("--tune")
      ->option_text("FILE");
  add_precision_flag(*command, options->precision);
  command->add_option("-O", options->settings, "an option of the native backend; may be repeated")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  add_format_flag(*command, options->format, false);
  options->recipe.add_to(*command, false);
  command->footer(
      "The file runs where it was made: the same fovea, the same kind of CPU. docs/engine-files.md says more.\n"
      "Examples:\n  fovea compile model.onnx -o model.fovea\n"
      "  fovea compile model.onnx -o model.fovea --batch 1,8 --threads 4\n"
      "  fovea classify model.fovea photo.jpg");
  return {command, [options](Console& console) { return run(*options, console); }};
}

}  // namespace fovea::cli
