// fovea bench MODEL...: every way of running a model side by side, in one table.
#include "bench/bench.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>

#include <fmt/format.h>

#include "backends/plugin_backend.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/system.h"
#include "base/text_file.h"
#include "bench/report_writers.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "pipeline/photos.h"

namespace fovea::cli {
namespace {

enum class BenchFormat : uint8_t { table, json, csv, markdown };

struct Options {
  bench::BenchOptions bench;
  std::vector<std::string> models, workers, shapes, photos;
  std::string cache;
  bool no_reference = false, no_self = false;
  double timeout_s = 0;
  BenchFormat format = BenchFormat::table;
  std::string html, json, csv, markdown;  // files
  std::string old_report, fail_over = "5%";
};

// ---- what the flags say

Result<bench::WorkerCommand> parse_worker(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return invalid_argument("--worker {} has no name and command", text)
        .with_fix("write --worker NAME=\"COMMAND\", such as inductor=\"python tools/peers/torch_inductor.py\"");
  return bench::WorkerCommand{text.substr(0, equals), text.substr(equals + 1)};
}

/// "5%" or "0.05".
Result<double> parse_share(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest(end, text.data() + text.size());
  if (error != std::errc() || !(value >= 0) || (!rest.empty() && rest != "%"))
    return invalid_argument("--fail-over {} is no share", text).with_fix("write 5% or 0.05");
  return rest == "%" ? value / 100 : value;
}

/// Every backend whose plugin is there.
std::vector<std::string> backends_found() {
  std::vector<std::string> names = {"native"};
  for (const backends::PluginFile& file : backends::plugin_files()) names.push_back(file.name);
  return names;
}

/// The files that the report will go to, so that an hour of measuring does not end at a folder that is not there.
Result<void> check_writable(const std::string& file) {
  if (file.empty()) return {};
  std::error_code failed;
  const auto folder = std::filesystem::absolute(file, failed).parent_path();
  if (!failed && access(folder.c_str(), W_OK) == 0) return {};
  return io("there is no folder {} that can be written", folder.string()).at(file).with_fix("make it first");
}

Result<void> settle(Options& options, std::istream& in) {
  bench::BenchOptions& bench = options.bench;
  for (const std::string& model : options.models) bench.models.emplace_back(model);
  for (const std::string& text : options.workers) bench.workers.push_back(FOVEA_TRY(parse_worker(text)));
  for (const std::string& text : options.shapes) {
    auto [name, shape] = FOVEA_TRY(pipeline::parse_input_shape(text));
    bench.shapes[std::move(name)] = std::move(shape);
  }
  for (const std::string& setting : bench.settings)
    if (setting.find('=') == std::string::npos || setting.front() == '=')
      return invalid_argument("-O {} is no setting", setting).with_fix("write -O key=value, or -O backend/key=value");
  if (bench.backends.empty() && bench.workers.empty()) bench.backends = backends_found();
  bench.cache = options.cache;
  bench.reference = !options.no_reference;
  bench.group.self = !options.no_self;
  bench.group.rounds.most = 3 * bench.group.rounds.rounds;
  if (options.timeout_s > 0) bench.group.limits = {options.timeout_s, options.timeout_s};
  for (const std::string* file : {&options.html, &options.json, &options.csv, &options.markdown})
    FOVEA_TRY(check_writable(*file));
  if (!options.photos.empty()) {
    pipeline::PhotoList list = pipeline::find_photos(options.photos, in);
    if (!list.failures.empty()) return std::move(list.failures.front()).at("--stages");
    std::error_code failed;
    for (const pipeline::Photo& photo : list.photos) {
      if (photo.bytes || !std::filesystem::exists(photo.name, failed))
        return invalid_argument("--stages {}: there is no such file", photo.name).with_fix("give photos or folders");
      bench.group.photos.push_back(std::filesystem::absolute(photo.name, failed).string());
    }
  }
  return {};
}

/// The command that this process was started with, as a shell would take it.
std::string own_command() {
  std::ifstream file("/proc/self/cmdline");
  std::string line;
  for (std::string word; std::getline(file, word, '\0');) {
    if (line.empty()) {
      line = "fovea";
      continue;
    }
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_-+=.,:/%@") == std::string::npos;
    line += ' ';
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

// ---- what becomes of the report

/// Columns of the terminal that `out` is; wide where it is none.
int width_of(const std::ostream& out) {
  constexpr int kWide = 200;
  winsize size{};
  if (&out != &std::cout || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWide;
  return size.ws_col;
}

bool in_colour(const std::ostream& out) {
  return &out == &std::cout && isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
}

void print(const bench::Report& report, BenchFormat format, std::ostream& out) {
  switch (format) {
    case BenchFormat::table: out << bench::to_table(report, width_of(out), in_colour(out)); break;
    case BenchFormat::json: out << bench::to_json_lines(report); break;
    case BenchFormat::csv: out << bench::to_csv(report); break;
    case BenchFormat::markdown: out << bench::to_markdown(report); break;
  }
}

Result<void> write_file(const std::string& file, const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return write_file_atomically(file, std::span(&bytes, 1));
}

Result<void> write_files(const bench::Report& report, const Options& options) {
  if (!options.html.empty()) FOVEA_TRY(write_file(options.html, bench::to_html(report)));
  if (!options.json.empty()) FOVEA_TRY(write_file(options.json, bench::to_json_lines(report)));
  if (!options.csv.empty()) FOVEA_TRY(write_file(options.csv, bench::to_csv(report)));
  if (!options.markdown.empty()) FOVEA_TRY(write_file(options.markdown, bench::to_markdown(report)));
  return {};
}

int exit_code(const bench::BenchResult& result) {
  if (result.interrupted) return kInterrupted;
  if (result.measured) return kDone;
  return result.unavailable ? kBackendUnavailable : kModelUnusable;
}

Result<bench::Report> read_report(const std::string& file) {
  const std::string text = FOVEA_TRY(read_text_file(file));
  return FOVEA_TRY_AT(file, bench::read_json_lines(text));
}

int run(Options options, Console& console) {
  if (const auto settled = settle(options, console.in); !settled.ok())
    return console.fail(settled.error(), kWrongUsage);
  const auto fail_over = parse_share(options.fail_over);
  if (!fail_over.ok()) return console.fail(fail_over.error(), kWrongUsage);
  std::optional<bench::Report> old_report;
  if (!options.old_report.empty()) {
    auto read = read_report(options.old_report);
    if (!read.ok()) return console.fail(Error(read.error()).at("--compare"), kWrongUsage);
    old_report = *std::move(read);
  }

  options.bench.command = own_command();
  const int64_t units = bench::units_of(options.bench);
  int64_t done = 0;
  Progress progress(console, units);
  const auto result = bench::run_bench(options.bench, {.stop = interrupted, .advance = [&] {
                                                         if (++done <= units) progress.advance();
                                                       }});
  progress.clear();
  if (!result.ok()) return console.fail(result.error());
  if (result->interrupted) console.note("interrupted: what was not reached is missing");
  print(result->report, options.format, console.out);
  if (const auto written = write_files(result->report, options); !written.ok())
    return console.fail(written.error(), kSomeInputsFailed);
  int code = exit_code(*result);
  if (old_report) {
    const bench::Comparison comparison = bench::compare(*old_report, result->report, *fail_over);
    (options.format == BenchFormat::table ? console.out : console.err) << bench::to_text(comparison);
    if (code == kDone && comparison.regressed) code = kSomeInputsFailed;
  }
  return code;
}

void add_what_to_compare(CLI::App& command, Options& options) {
  bench::BenchOptions& bench = options.bench;
  command.add_option("MODEL", options.models, ".onnx files; backends that read others find them beside")
      ->required()
      ->option_text("...");
  command.add_option("--backend", bench.backends, "backends, with commas between (default: all whose plugin is there)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("NAME[:DEVICE],...");
  command.add_option("--worker", options.workers, "another program that speaks the worker protocol; may be repeated")
      ->option_text("NAME=COMMAND")
      ->allow_extra_args(false);
  command.add_option("--baseline", bench.baseline, "what ratios refer to (default: the first backend)")
      ->option_text("NAME");
  command.add_option("--precision", bench.precisions, "fp32 (default), bf16, fp16, int8")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"fp32", "bf16", "fp16", "int8"}))
      ->option_text("P,...");
  command.add_option("--batch", bench.batches, "batch sizes (default: the model's own, or 1)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 4096))
      ->option_text("N,...");
  command.add_option("--threads", bench.threads, "numbers of threads (default: the cores that the system grants)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 1024))
      ->option_text("N,...");
  command.add_option("--shape", options.shapes, "what a dynamic input is to be; may be repeated")
      ->option_text("NAME=1x3x224x224")
      ->allow_extra_args(false);
  command.add_option("-O", bench.settings, "an option of all backends, or of one; may be repeated")
      ->option_text("[BACKEND/]KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--cache", options.cache, "folder where backends keep compiled engines")->option_text("DIR");
}

void add_how_to_measure(CLI::App& command, Options& options) {
  bench::GroupOptions& group = options.bench.group;
  const std::string name = "How it is measured";
  const auto number = [&](const char* flag, auto& value, double least, double most, const char* help) {
    command.add_option(flag, value, help)->check(CLI::Range(least, most))->group(name)->option_text("N");
  };
  number("--rounds", group.rounds.rounds, 1, 10000, "rounds that count; each runs a block of all (default 10)");
  number("--runs", group.block.runs, 1, 1e6, "most runs in a block (default 30)");
  number("--seconds", group.block.seconds, 0, 3600, "most seconds of a block (default 3)");
  number("--warmup", group.warm_up_s, 0, 3600, "seconds before the first round (default 1)");
  number("--timeout", options.timeout_s, 1, 1e6, "seconds that a worker may be silent (default: 1200 to load)");
  command.add_option("--stages", options.photos, "photos or folders: time decoding to labels, too; may be repeated")
      ->group(name)
      ->allow_extra_args(false)
      ->option_text("PHOTO");
  command.add_option("--resize", group.resize, "how fovea resizes these: exact (default), float or scaled")
      ->check(CLI::IsMember({"exact", "float", "scaled"}))
      ->group(name)
      ->option_text("HOW");
  command.add_flag("--per-step", group.per_step, "times of the native engine's steps")->group(name);
  command.add_flag("--no-reference", options.no_reference, "no errors against fp32")->group(name);
  command.add_flag("--no-self", options.no_self, "no second worker of the baseline (A against A)")->group(name);
  command.add_option("--program", options.bench.program, "what runs bench-worker")->group("");
}

void add_where_it_goes(CLI::App& command, Options& options) {
  const std::string name = "Where it goes";
  const std::map<std::string, BenchFormat> formats = {{"table", BenchFormat::table},
                                                      {"text", BenchFormat::table},
                                                      {"json", BenchFormat::json},
                                                      {"csv", BenchFormat::csv},
                                                      {"markdown", BenchFormat::markdown}};
  command.add_option("--format", options.format, "on stdout: table (default), json (an object a line), csv, markdown")
      ->transform(CLI::Transformer(formats))
      ->group(name)
      ->option_text("FORM");
  const auto file = [&](const char* flag, std::string& value, const char* help) {
    command.add_option(flag, value, help)->group(name)->option_text("FILE");
  };
  file("--html", options.html, "a page with pictures, too");
  file("--json", options.json, "JSON lines, too: what --compare reads");
  file("--csv", options.csv, "CSV, too");
  file("--markdown", options.markdown, "Markdown, too");
  file("--compare", options.old_report, "an older --json file: what became slower; then the exit code is 1");
  command.add_option("--fail-over", options.fail_over, "with --compare: how much slower is a failure (default 5%)")
      ->group(name)
      ->option_text("SHARE");
}

}  // namespace

Command add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->bench.threads = {granted_cores()};
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed && std::filesystem::exists(program, failed)) options->bench.program = program.string();
  CLI::App* command = app.add_subcommand("bench", "every way of running a model side by side, in one table");
  add_what_to_compare(*command, *options);
  add_how_to_measure(*command, *options);
  add_where_it_goes(*command, *options);
  command->footer(
      "Examples:\n  fovea bench resnet50.onnx --backend native,onnxruntime --threads 1,2 --batch 1,8\n"
      "  fovea bench resnet50.onnx --worker inductor=\"python tools/peers/torch_inductor.py\" --html resnet50.html\n"
      "  fovea bench resnet50.onnx --json new.json --compare old.json --fail-over 5%");
  return {command, [options](Console& console) { return run(*options, console); }};
}

}  // namespace fovea::cli
