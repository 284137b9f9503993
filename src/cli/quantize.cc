// fovea quantize MODEL --images DIR -o OUT.onnx: int8 by calibration on photos, with what it costs in accuracy.
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/load.h"
#include "cli/progress.h"
#include "cli/quantize_report.h"
#include "onnx/write.h"
#include "pipeline/quantize/calibration_state.h"
#include "pipeline/quantize/recipe_note.h"
#include "quantize/equalize.h"
#include "quantize/prepare.h"
#include "tasks/read_recipe.h"

namespace fovea::cli {
namespace {

using pipeline::Quantizer;

// One ONNX file holds 2 GB; weights of this size and more go beside it.
constexpr int64_t kMostInside = int64_t{3} << 29;
constexpr int64_t kExternalFrom = 1024;
constexpr int64_t kAdvisedPhotos = 200;
constexpr size_t kPhotosForLayers = 4, kPhotosForSensitivity = 8;

struct Options {
  ModelFlags model;
  RecipeFlags recipe;
  std::string output, report, calibration, table, table_in, sample = "500", hold_out = "20%", activations, target;
  std::vector<std::string> images, exclude;
  quantize::RangeOptions range;
  std::optional<double> max_drop;
  uint64_t seed = 0;
  int64_t compare = 200, tap_megabytes = 1024;
  int threads = 0;
  Precision precision = Precision::fp32;
  bool symmetric = false, attention = false, equalize = false, correct_bias = false, resume = false;
  Format format = Format::text;
};

/// Where --activations, --symmetric and --target lead together.
Result<pipeline::QuantizerOptions> quantizer_options(const Options& options) {
  const bool tensorrt = options.target == "tensorrt";
  pipeline::QuantizerOptions result;
  result.scales.symmetric = options.symmetric || tensorrt;
  if (result.scales.symmetric && options.activations == "u8")
    return invalid_argument("symmetric activations are s8, but --activations says u8")
        .with_fix(tensorrt ? "TensorRT takes s8 only: leave --activations out"
                           : "leave --activations or --symmetric out");
  result.scales.activations = result.scales.symmetric || options.activations == "s8" ? DType::i8 : DType::u8;
  result.insert.integer_bias = !tensorrt;
  result.select.attention = options.attention;
  result.select.exclude = options.exclude;
  result.correct_bias = options.correct_bias;
  return result;
}

/// Where a calibration that is stopped lies, or one that is kept.
std::filesystem::path state_path(const Options& options) {
  return options.calibration.empty() ? options.output + ".calibration" : options.calibration;
}

int64_t weight_bytes(const Graph& graph) {
  std::set<const void*> counted;
  int64_t bytes = 0;
  for (NodeId id : graph.order())
    for (const ValueId in : graph.node(id).inputs)
      if (const Tensor* constant = graph.constant(in); constant && counted.insert(constant->identity()).second)
        bytes += static_cast<int64_t>(constant->bytes());
  return bytes;
}

/// All steps of one run, each on what those before it found out.
class Run {
 public:
  Run(const Options& options, Console& console) : options_(options), console_(console) {}

  Result<void> read() {
    tasks::Settings settings = FOVEA_TRY(options_.recipe.settings());
    auto config = FOVEA_TRY(options_.recipe.config_settings());
    const auto shapes = FOVEA_TRY(options_.model.input_shapes());
    quantizer_.options = FOVEA_TRY(quantizer_options(options_));
    source_ = FOVEA_TRY(load_model(options_.model, shapes));
    if (!source_.graph)
      return unsupported("only ONNX models can be quantised")
          .at(options_.model.path)
          .with_fix("export the model to ONNX first (tools/export_timm.py)");
    quantizer_.graph = FOVEA_TRY_AT(options_.model.path, quantize::prepare(*source_.graph));
    if (const auto recipe = read_recipe(settings, std::move(config)); !recipe.ok() && !options_.images.empty())
      return recipe.error();
    report_.model = options_.model.path;
    report_.output = options_.output;
    if (options_.equalize) report_.equalized_pairs = quantize::equalize(quantizer_.graph);
    selection_ = quantize::select(quantizer_.graph, quantizer_.options.select);
    if (!selection_.unmatched.empty())
      return invalid_argument("--exclude {}: no node, value or operator has that name", selection_.unmatched[0])
          .with_fix("fovea inspect MODEL --graph lists them");
    report_.layers = static_cast<int64_t>(quantizer_.layers().size());
    if (report_.layers == 0)
      return unsupported("it has no Conv, MatMul or Gemm with constant f32 weights that may become int8")
          .at(options_.model.path);
    return {};
  }

  Result<void> find_photos() {
    auto found = pipeline::find_photos(options_.images, console_.in);
    for (const Error& failure : found.failures) console_.error(failure);
    if (!found.failures.empty()) some_failed_ = true;
    all_ = std::move(found.photos);
    const auto sample = FOVEA_TRY(pipeline::parse_amount(options_.sample));
    const auto held = FOVEA_TRY(pipeline::parse_amount(options_.hold_out));
    split_ = pipeline::split_photos(all_, sample, held, options_.seed);
    if (split_.calibration.empty() && options_.table_in.empty())
      return invalid_argument("there are no photos to calibrate with").with_fix("give --images a folder with photos");
    const auto count = static_cast<int64_t>(split_.calibration.size());
    if (count < kAdvisedPhotos && options_.table_in.empty())
      console_.note(fmt::format("{} photos to calibrate with; {} are advised", count, kAdvisedPhotos));
    if (const auto classes = reader_->recipe().facts.output.classes) {
      const auto labels = FOVEA_TRY(tasks::choose_labels(reader_->recipe().label_candidates, *classes));
      classes_ = pipeline::FolderClasses::find(all_, labels.labels, *classes);
    }
    return {};
  }

  /// False: stopped, to be resumed.
  Result<bool> calibrate() {
    if (!options_.table_in.empty()) {
      FOVEA_TRY(take_table());
      return true;
    }
    std::optional<Progress> progress;
    pipeline::CalibrationOptions how;
    how.threads = options_.threads;
    how.most_tap_bytes = options_.tap_megabytes << 20;
    how.channel_means = options_.correct_bias;
    how.keep_state = !options_.calibration.empty();
    how.state = state_path(options_);
    std::error_code ignored;
    how.resume = options_.resume && std::filesystem::exists(how.state, ignored);
    if (options_.resume && !how.resume)
      console_.note(fmt::format("there is no {}: calibrated from the first photo on", how.state.string()));
    how.stop = interrupted;
    how.progress = [&](int64_t done, int64_t total) {
      if (!progress) progress.emplace(console_, total - done + 1);  // what was done before is not to be done now
      progress->advance();
    };
    calibration_ = FOVEA_TRY(pipeline::calibrate(quantizer_.graph, selection_, *reader_, split_.calibration, how));
    progress.reset();
    for (const Error& error : calibration_.unreadable) {
      console_.error(error);
      report_.unreadable.push_back(error.to_string());
      some_failed_ = true;
    }
    if (calibration_.stopped) {
      console_.note(
          fmt::format("stopped; the state is in {}: the same command with --resume goes on", how.state.string()));
      return false;
    }
    report_.method = quantize::name_of(options_.range.method);
    report_.calibrated = calibration_.photos;
    report_.held_back = static_cast<int64_t>(split_.held_back.size());
    quantizer_.ranges = pipeline::ranges_of(calibration_, options_.range);
    if (options_.correct_bias)
      for (const auto& [value, observer] : calibration_.observers)
        if (observer.channel_axis) quantizer_.means[value] = observer.channel_means();
    if (!options_.table.empty())
      FOVEA_TRY(quantize::write_table_file(pipeline::table_of(quantizer_.graph, calibration_, options_.range),
                                           options_.table));
    return true;
  }

  Result<void> build() {
    std::set<std::string> kept;
    if (options_.max_drop) kept = FOVEA_TRY(choose_layers());
    model_ = FOVEA_TRY(quantizer_.build(kept));
    for (const std::string& layer : quantizer_.layers())
      if (kept.contains(layer)) report_.layers_float.push_back(layer);
    describe_ranges();
    report_.weights = model_.weights;
    report_.layers_int8 = static_cast<int64_t>(model_.weights.size());
    report_.values = static_cast<int64_t>(model_.scales.parameters.size());
    report_.corrected_biases = model_.corrected_biases;
    report_.bytes_before = weight_bytes(quantizer_.graph);
    report_.bytes_after = weight_bytes(model_.graph);
    std::error_code ignored;
    const auto file_bytes = static_cast<int64_t>(std::filesystem::file_size(source_.path, ignored));
    // Weights that lay beside the model do so again.
    const bool external = weight_bytes(*source_.graph) > file_bytes || report_.bytes_after > kMostInside;
    return onnx::write_model(model_.graph, options_.output, {.external_from = external ? kExternalFrom : -1});
  }

  Result<void> compare() {
    if (options_.compare == 0 || !reader_ || all_.empty()) return {};
    const auto photos = [&](const std::vector<pipeline::Photo>& part) {
      return std::span(part).first(std::min(part.size(), static_cast<size_t>(options_.compare)));
    };
    const auto calibrated = photos(split_.calibration), held = photos(split_.held_back);
    Progress progress(console_, static_cast<int64_t>(2 * (calibrated.size() + held.size())));
    const auto step = [&] {
      progress.advance();
      return !interrupted();
    };
    std::vector<pipeline::Reference> on_calibration, on_held;
    {
      const auto engine = FOVEA_TRY(float_engine());
      on_calibration = FOVEA_TRY(pipeline::float_answers(*engine, *reader_, calibrated, &report_.float_ms, step));
      on_held = FOVEA_TRY(pipeline::float_answers(*engine, *reader_, held, nullptr, step));
    }
    {
      const auto engine = FOVEA_TRY(cpu::Engine::compile(std::make_shared<Graph>(model_.graph), how_it_runs()));
      report_.on_calibration = FOVEA_TRY(pipeline::compare_answers(*engine, *reader_, on_calibration, classes_, step));
      if (!on_held.empty())
        report_.on_held_back = FOVEA_TRY(pipeline::compare_answers(*engine, *reader_, on_held, classes_, step));
    }
    const auto& some = split_.held_back.empty() ? split_.calibration : split_.held_back;
    report_.errors = FOVEA_TRY(pipeline::layer_errors(quantizer_.graph, model_.graph, model_.scales, *reader_,
                                                      std::span(some).first(std::min(some.size(), kPhotosForLayers)),
                                                      options_.tap_megabytes << 20, options_.threads,
                                                      [] { return !interrupted(); }));
    return {};
  }

  Result<void> show() {
    if (!options_.report.empty()) {
      const std::string text = to_json(report_).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
      const std::span<const std::byte> parts[] = {std::as_bytes(std::span(text))};
      FOVEA_TRY(write_file_atomically(options_.report, parts));
    }
    if (options_.format == Format::json)
      write_json_line(console_.out, to_json(report_));
    else
      write_text(console_.out, report_);
    return {};
  }

  bool some_failed() const { return some_failed_; }

 private:
  /// Finds the recipe, notes it in the model, and makes the reader where there are photos.
  Result<void> read_recipe(const tasks::Settings& settings, std::optional<tasks::Settings> config) {
    const auto sources = FOVEA_TRY(tasks::find_sources(source_.path, source_.graph->metadata, std::move(config)));
    tasks::Recipe recipe = FOVEA_TRY(find_recipe(settings, sources));
    if (recipe.facts.output.indices)
      return unsupported("the model chooses its classes itself").with_fix("quantise it before `fovea bake --top-k`");
    const std::string unsaid = pipeline::note_recipe(settings, sources, recipe, quantizer_.graph);
    if (!unsaid.empty()) console_.note(unsaid);
    for (const std::string& note : recipe.notes) console_.note(note);
    if (!options_.images.empty()) reader_.emplace(FOVEA_TRY(pipeline::InputReader::create(std::move(recipe))));
    return {};
  }

  /// Also of models that are no classifiers: what they answer is compared as numbers then.
  Result<tasks::Recipe> find_recipe(const tasks::Settings& flags, std::span<const tasks::Settings> sources) const {
    auto facts = tasks::examine(*source_.graph);
    if (!facts.ok() && facts.error().code == ErrorCode::unsupported) {
      tasks::ModelFacts input_only{FOVEA_TRY_AT(source_.path.string(), tasks::examine_input(*source_.graph)), {}};
      input_only.output.index = source_.graph->outputs.size();  // none
      facts = std::move(input_only);
    }
    return tasks::resolve_recipe(flags, sources, FOVEA_TRY_AT(source_.path.string(), std::move(facts)));
  }

  /// The int8 models that are compared; the float model is always fp32.
  cpu::EngineOptions how_it_runs() const { return {.threads = options_.threads, .precision = options_.precision}; }

  Result<std::unique_ptr<cpu::Engine>> float_engine() const {
    return cpu::Engine::compile(std::make_shared<Graph>(quantizer_.graph), {.threads = options_.threads});
  }

  Result<void> take_table() {
    const quantize::Table table = FOVEA_TRY(quantize::read_table_file(options_.table_in));
    for (const std::string& note : table.notes) console_.note(options_.table_in + ": " + note);
    quantizer_.ranges = pipeline::ranges_of(quantizer_.graph, table);
    size_t found = 0;
    for (const auto& [value, stored] : selection_.values) found += quantizer_.ranges.contains(value) ? 1 : 0;
    if (found == 0)
      return invalid_argument("none of its {} names is a value of the model", table.entries.size())
          .at(options_.table_in);
    if (found < selection_.values.size())
      console_.note(fmt::format("{}: {} of {} values have no range; they stay in float", options_.table_in,
                                selection_.values.size() - found, selection_.values.size()));
    report_.method = options_.table_in;
    if (!options_.table.empty()) FOVEA_TRY(quantize::write_table_file(table, options_.table));
    return {};
  }

  Result<std::set<std::string>> choose_layers() {
    if (!reader_ || all_.empty())
      return invalid_argument("--max-drop needs photos to measure on").with_fix("give --images");
    const auto& part = split_.held_back.empty() ? split_.calibration : split_.held_back;
    const auto photos =
        std::span(part).first(std::min(part.size(), static_cast<size_t>(std::max<int64_t>(1, options_.compare))));
    std::vector<pipeline::Reference> references;
    {
      const auto engine = FOVEA_TRY(float_engine());
      references =
          FOVEA_TRY(pipeline::float_answers(*engine, *reader_, photos, nullptr, [] { return !interrupted(); }));
    }
    if (references.empty()) return invalid_argument("no photo of the part that is held back can be read");
    const auto few = std::span(references).first(std::min(references.size(), kPhotosForSensitivity));
    Progress progress(console_, static_cast<int64_t>(quantizer_.layers().size() * few.size()));
    report_.sensitivities = FOVEA_TRY(pipeline::sensitivities(quantizer_, *reader_, few, how_it_runs(), [&] {
      progress.advance();
      return !interrupted();
    }));
    progress.clear();
    report_.most_drop = options_.max_drop;
    report_.trade = FOVEA_TRY(pipeline::trade(quantizer_, report_.sensitivities, *options_.max_drop, *reader_,
                                              references, classes_, how_it_runs(), [] { return !interrupted(); }));
    return report_.trade->kept;
  }

  void describe_ranges() {
    for (const auto& [value, parameters] : model_.scales.parameters) {
      QuantizeReport::ValueRange one{quantizer_.graph.value(value).name,
                                     quantizer_.ranges.at(value),
                                     parameters,
                                     model_.scales.groups.at(value),
                                     {}};
      if (const auto it = calibration_.observers.find(value); it != calibration_.observers.end())
        one.suspicion = quantize::suspicion(it->second, one.range);
      if (!one.suspicion.empty()) console_.note(fmt::format("range of {}: {}", printable(one.value), one.suspicion));
      report_.ranges.push_back(std::move(one));
    }
    for (const ValueId value : model_.scales.missing)
      if (options_.table_in.empty())
        console_.note(fmt::format("{} was never seen with a finite value: it stays in float",
                                  printable(quantizer_.graph.value(value).name)));
  }

  const Options& options_;
  Console& console_;
  backends::Source source_;
  std::optional<pipeline::InputReader> reader_;
  std::vector<pipeline::Photo> all_;
  pipeline::PhotoSplit split_;
  std::optional<pipeline::FolderClasses> classes_;
  quantize::Selection selection_;
  pipeline::Calibration calibration_;
  Quantizer quantizer_;
  pipeline::QuantizedModel model_;
  QuantizeReport report_;
  bool some_failed_ = false;
};

/// What is written must replace neither what is read nor what is written, too; nor a file that was never fovea's.
Result<void> check_outputs(const Options& options) {
  if (!options.table_in.empty() && !options.calibration.empty())
    return invalid_argument("with --table-in nothing is observed that --calibration could keep")
        .with_fix("leave one of them out");
  const std::pair<std::string_view, std::string> files[] = {{"--table-in", options.table_in},
                                                            {"-o", options.output},
                                                            {"the weights beside -o", options.output + ".data"},
                                                            {"--table", options.table},
                                                            {"--report", options.report},
                                                            {"--calibration", state_path(options).string()}};
  for (size_t i = 0; i < std::size(files); ++i) {
    const auto& [flag, path] = files[i];
    std::error_code failed;
    if (i > 0 && std::filesystem::equivalent(options.model.path, path, failed))
      return invalid_argument("{} {} is the model itself", flag, path).with_fix("give another name");
    if (path.empty()) continue;
    const auto real = std::filesystem::weakly_canonical(std::filesystem::absolute(path, failed), failed);
    for (size_t k = 0; k < i; ++k) {
      if (files[k].second.empty()) continue;
      const auto other = std::filesystem::weakly_canonical(std::filesystem::absolute(files[k].second, failed), failed);
      if (real == other || std::filesystem::equivalent(path, files[k].second, failed))
        return invalid_argument("{} and {} are both {}", files[k].first, flag, path).with_fix("give another name");
    }
  }
  std::error_code failed;
  const std::filesystem::path state = state_path(options);
  if (options.table_in.empty() && std::filesystem::exists(state, failed) && !pipeline::holds_state(state))
    return invalid_argument("{} is there, and is no state of a calibration", state.string())
        .with_fix("give another name with --calibration, or remove the file");
  return {};
}

int quantize(const Options& options, Console& console) {
  if (options.images.empty() && options.table_in.empty())
    return console.fail(invalid_argument("nothing says how large the model's values become")
                            .with_fix("give --images DIR with photos, or --table-in with a calibration table"),
                        kWrongUsage);
  if (const auto checked = check_outputs(options); !checked.ok()) return console.fail(checked.error(), kWrongUsage);
  // The model can be used once it is read: from then on a file cannot be written, no photo be read, a table not found.
  const auto fail = [&](const Error& error) {
    if (interrupted()) return console.fail(error, kInterrupted);
    if (error.code == ErrorCode::io || error.code == ErrorCode::invalid_image)
      return console.fail(error, kSomeInputsFailed);
    if (error.code == ErrorCode::not_found) return console.fail(error, kWrongUsage);
    return console.fail(error);
  };
  Run run(options, console);
  if (const auto read = run.read(); !read.ok()) return console.fail(read.error());
  if (!options.images.empty())
    if (const auto found = run.find_photos(); !found.ok()) return console.fail(found.error(), kWrongUsage);
  const auto calibrated = run.calibrate();
  if (!calibrated.ok()) return fail(calibrated.error());
  if (!*calibrated) return kInterrupted;
  for (const auto step : {&Run::build, &Run::compare, &Run::show})
    if (const auto done = (run.*step)(); !done.ok()) return fail(done.error());
  return run.some_failed() ? kSomeInputsFailed : kDone;
}

}  // namespace

Command add_quantize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("quantize", "int8 by calibration on photos: a standard Q/DQ model");
  options->model.add_to(*command);
  command->add_option("-o,--output", options->output, "where the int8 model goes")->required()->option_text("OUT.onnx");
  command->add_option("--images", options->images, "photos: folders, files, globs")->option_text("DIR...");
  static const std::map<std::string, quantize::Method> kMethods = {{"minmax", quantize::Method::minmax},
                                                                   {"average", quantize::Method::average},
                                                                   {"entropy", quantize::Method::entropy},
                                                                   {"percentile", quantize::Method::percentile}};
  command->add_option("--method", options->range.method, "entropy (default), minmax, percentile or average")
      ->transform(CLI::Transformer(kMethods))
      ->option_text("METHOD");
  command->add_option("--percentile", options->range.percentile, "of magnitudes, for that method (default 99.999)")
      ->check(CLI::Range(50.0, 100.0))
      ->option_text("P");
  command->add_option("--sample", options->sample, "photos to calibrate with, of all: 200 or 5% (default 500)")
      ->option_text("AMOUNT");
  command->add_option("--hold-out", options->hold_out, "photos to compare on only (default 20%)")
      ->option_text("AMOUNT");
  command->add_option("--seed", options->seed, "of the draw (default 0)")->option_text("N");
  command->add_option("--activations", options->activations, "u8 (default) or s8")
      ->check(CLI::IsMember({"u8", "s8"}))
      ->option_text("TYPE");
  command->add_flag("--symmetric", options->symmetric, "s8 activations without zero points");
  command->add_option("--target", options->target, "any (default), or tensorrt: symmetric, biases in float")
      ->check(CLI::IsMember({"any", "tensorrt"}))
      ->option_text("TARGET");
  command->add_flag("--attention", options->attention, "products of two activations in int8, too");
  command->add_option("--exclude", options->exclude, "nodes, values or operators that stay in float; * and ? match")
      ->option_text("NAME...");
  command
      ->add_option("--max-drop", options->max_drop,
                   "keep the most sensitive layers in float until at most so many points of accuracy are lost")
      ->check(CLI::Range(0.0, 100.0))
      ->option_text("POINTS");
  command->add_flag("--equalize", options->equalize, "share out the spread of weights between neighbouring layers");
  command->add_flag("--correct-bias", options->correct_bias, "take back the mean error of each channel");
  command->add_option("--table", options->table, "write the ranges, too: .cache, .flatbuffers, .json, .trt")
      ->option_text("FILE");
  command->add_option("--table-in", options->table_in, "take the ranges from a calibration table")->option_text("FILE");
  command->add_option("--compare", options->compare, "photos of each part that answers are compared on (default 200)")
      ->check(CLI::Range(0, 1'000'000))
      ->option_text("N");
  command->add_option("--report", options->report, "all figures as JSON")->option_text("FILE");
  command->add_option("--calibration", options->calibration, "keep what was observed there, for other methods")
      ->option_text("FILE");
  command->add_flag("--resume", options->resume, "go on with a calibration that was stopped or kept");
  command->add_option("--observe-mb", options->tap_megabytes, "memory for what is observed at once (default 1024)")
      ->check(CLI::Range(1, 1 << 20))
      ->option_text("MB");
  command->add_option("--threads", options->threads, "default: the cores that the system grants")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  static const std::map<std::string, Precision> kPrecisions = {{"fp32", Precision::fp32}, {"bf16", Precision::bf16}};
  command->add_option("--precision", options->precision, "of what stays in float when int8 models are compared")
      ->transform(CLI::Transformer(kPrecisions))
      ->option_text("P");
  add_format_flag(*command, options->format, false);
  options->recipe.add_to(*command, true);
  command->footer(
      "A folder for each class under DIR gives accuracies.\n"
      "Examples:\n  fovea quantize model.onnx --images photos/ -o model.int8.onnx\n"
      "  fovea quantize model.onnx --images photos/ -o model.int8.onnx --max-drop 0.5 --report report.json\n"
      "  fovea quantize model.onnx --images photos/ -o model.int8.onnx --target tensorrt --table model.trt");
  return {command, [options](Console& console) { return quantize(*options, console); }};
}

}  // namespace fovea::cli
