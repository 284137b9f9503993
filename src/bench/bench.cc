#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include "base/cpu_features.h"
#include "base/error.h"
#include "bench/bound.h"
#include "bench/machine.h"
#include "bench/reference.h"
#include "bench/temp_folder.h"
#include "fovea/version.h"

namespace fovea::bench {
namespace {

/// "native" of "native:cpu".
std::string_view plain_name(std::string_view backend) { return backend.substr(0, backend.find(':')); }

/// Backends whose speed the CPU's peak says nothing about.
bool runs_on_cpu(std::string_view backend) {
  const size_t colon = backend.find(':');
  if (colon != std::string_view::npos)
    return backend.substr(colon + 1) == "cpu" || backend.substr(colon + 1) == "openvino";
  return backend != "tensorrt";
}

/// What of the -O settings is for this backend.
std::vector<std::string> settings_for(std::string_view backend, const std::vector<std::string>& settings) {
  std::vector<std::string> result;
  for (const std::string& setting : settings) {
    const std::string_view key = std::string_view(setting).substr(0, setting.find('='));
    const size_t slash = key.find('/');
    if (slash == std::string_view::npos)
      result.push_back(setting);
    else if (key.substr(0, slash) == plain_name(backend))
      result.push_back(setting.substr(slash + 1));
  }
  return result;
}

Way own_way(const BenchOptions& options, const std::string& backend, const std::vector<std::string>& settings,
            bool with_cache) {
  Way way;
  way.name = backend;
  way.own = true;
  way.on_cpu = runs_on_cpu(backend);
  way.argv = {options.program, "bench-worker", "--backend", backend};
  for (const std::string& setting : settings) way.argv.insert(way.argv.end(), {"-O", setting});
  if (with_cache && !options.cache.empty()) way.argv.insert(way.argv.end(), {"--cache", options.cache.string()});
  way.shown = fmt::format("fovea {}", fmt::join(way.argv.begin() + 1, way.argv.end(), " "));
  if (!with_cache || options.cache.empty()) way.argv.emplace_back("--no-cache");  // whatever the environment says
  return way;
}

Result<std::vector<Way>> ways_of(const BenchOptions& options) {
  std::vector<Way> ways;
  for (const std::string& backend : options.backends)
    ways.push_back(own_way(options, backend, settings_for(backend, options.settings), true));
  for (const WorkerCommand& worker : options.workers)
    ways.push_back({worker.name, {"/bin/sh", "-c", worker.command}, worker.command, false, true});
  std::set<std::string> names;
  for (const Way& way : ways)
    if (!names.insert(way.name).second)
      return invalid_argument("\"{}\" is given twice", way.name).with_fix("call a worker by another name");
  if (ways.empty()) return invalid_argument("there is nothing to compare").with_fix("give --backend or --worker");
  return ways;
}

/// The whole run, with what is shared by its groups.
class Bench {
 public:
  Bench(const BenchOptions& options, const Events& events, std::vector<Way> ways, size_t baseline, TempFolder folder)
      : options_(options),
        events_(events),
        ways_(std::move(ways)),
        baseline_(baseline),
        folder_(std::move(folder)),
        conditions_(describe_machine().cores) {}

  BenchResult run();

 private:
  void measure_machine_once();
  void run_model(const std::filesystem::path& path, std::optional<int64_t> batch);
  void fail_all(const std::filesystem::path& path, std::optional<int64_t> batch, const Error& error);
  void add_reference(const ModelCase& model, Group& group);
  void run_group(const Group& group);
  void judge(Row& row, const ModelCase& model) const;
  bool stopped() const { return events_.stop && events_.stop(); }
  void note(const std::string& text) {
    if (std::ranges::find(result_.report.notes, text) == result_.report.notes.end())
      result_.report.notes.push_back(text);
  }

  const BenchOptions& options_;
  const Events& events_;
  std::vector<Way> ways_;
  size_t baseline_;
  TempFolder folder_;
  MachineConditions conditions_;
  BenchResult result_;
  bool unavailable_only_ = true;
  int cases_ = 0;
};

/// Before the first worker is there.
void Bench::measure_machine_once() {
  Machine& machine = result_.report.machine;
  if (!machine.peaks.empty()) return;
  for (int threads : options_.threads) {
    const auto peaks = measure_peaks(threads);
    machine.peaks.insert(machine.peaks.end(), peaks.begin(), peaks.end());
  }
  machine.memory_gb_per_s = measure_memory_gb_per_s(std::ranges::max(options_.threads));
}

void Bench::fail_all(const std::filesystem::path& path, std::optional<int64_t> batch, const Error& error) {
  unavailable_only_ = false;
  for (const std::string& precision : options_.precisions)
    for (int threads : options_.threads)
      for (const Way& way : ways_) {
        Row row;
        row.model = path.stem().string();
        row.backend = way.name;
        row.precision = precision;
        row.batch = batch.value_or(1);
        row.threads = threads;
        row.failed = error.where.empty() ? error.message : error.where + ": " + error.message;
        row.fix = error.fix;
        result_.report.rows.push_back(std::move(row));
      }
}

void Bench::add_reference(const ModelCase& model, Group& group) {
  if (!options_.reference || group.inputs.empty()) return;
  const auto way = [&](const std::string& backend, const std::vector<std::string>& settings) {
    return own_way(options_, backend, settings, false);
  };
  auto reference =
      compute_reference(model, group.inputs, group.folder + "/reference", way, options_.group.limits, events_.stop);
  if (!reference.ok()) {
    if (!stopped()) note(fmt::format("{}: there is no fp32 reference: {}", model.name, reference.error().to_string()));
    return;
  }
  note(fmt::format("{}: errors are against {}", model.name, reference->origin));
  group.reference = std::move(reference->outputs);
  group.output_names = std::move(reference->names);
}

/// The columns that need the machine's figures.
void Bench::judge(Row& row, const ModelCase& model) const {
  if (row.failed) return;
  const Machine& machine = result_.report.machine;
  const auto way = std::ranges::find(ways_, row.backend, &Way::name);
  const auto peak =
      way->on_cpu ? peak_of(machine, model.quantized ? "int8" : row.precision, row.threads) : std::optional<double>();
  if (peak && model.gmac > 0) {
    row.peak_fraction = model.gmac / (row.ms.median * 1e-3) / *peak;
    for (StepRow& step : row.steps)
      if (step.gmac > 0 && step.ms > 0) step.peak_fraction = step.gmac / (step.ms * 1e-3) / *peak;
  }
  WorkAndMachine work;
  work.gmac = model.gmac;
  const bool halved = row.precision == "bf16" || row.precision == "fp16";
  work.weight_bytes = model.weight_bytes * (model.quantized ? 1 : halved ? 0.5 : row.precision == "int8" ? 0.25 : 1);
  work.gmac_per_s = peak;
  work.memory_gb_per_s = machine.memory_gb_per_s;
  work.last_cache_bytes = static_cast<double>(cache_sizes().l3);
  row.bound_by = bound_by(row, work);
}

void Bench::run_group(const Group& group) {
  GroupResult measured = measure_group(group, ways_, baseline_, options_.group, conditions_, events_);
  for (std::string& text : measured.notes) note(text);
  unavailable_only_ = unavailable_only_ && measured.unavailable_only;
  for (Row& row : measured.rows) {
    const bool has_figures = row.ms.median > 0;
    if (!has_figures && !row.failed) continue;  // interrupted before its turn
    judge(row, *group.model);
    result_.measured |= has_figures && !row.failed;
    result_.report.rows.push_back(std::move(row));
  }
  // Of several groups the least favourable: no difference below it is a result anywhere.
  const auto reach = [](const Ratio& ratio) {
    return std::max(std::fabs(std::log(ratio.low)), std::fabs(std::log(ratio.high)));
  };
  auto& same = result_.report.same_with_same;
  if (measured.same_with_same && (!same || reach(*measured.same_with_same) > reach(*same)))
    same = measured.same_with_same;
}

void Bench::run_model(const std::filesystem::path& path, std::optional<int64_t> batch) {
  const auto model = examine_case(path, options_.shapes, batch);
  if (!model.ok()) return fail_all(path, batch, model.error());
  for (const std::string& text : model->notes) note(text);
  if (model->quantized) note(fmt::format("{}: it is quantized; its share of the peak is that of int8", model->name));
  Group group;
  group.model = &*model;
  group.folder = (folder_.path() / std::to_string(cases_++)).string();
  std::error_code failed;
  std::filesystem::create_directories(group.folder, failed);
  auto inputs = write_inputs(*model, group.folder);
  if (!inputs.ok()) return fail_all(path, batch, inputs.error());
  group.inputs = *std::move(inputs);
  measure_machine_once();
  add_reference(*model, group);
  for (const std::string& precision : options_.precisions)
    for (int threads : options_.threads) {
      if (stopped()) return;
      group.precision = precision;
      group.threads = threads;
      run_group(group);
    }
  std::filesystem::remove_all(group.folder, failed);
}

BenchResult Bench::run() {
  Report& report = result_.report;
  report.version = version();
  report.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
  report.command = options_.command;
  report.baseline = ways_[baseline_].name;
  report.machine = describe_machine();
  for (const auto& path : options_.models) {
    if (options_.batches.empty() && !stopped()) run_model(path, std::nullopt);
    for (int64_t batch : options_.batches)
      if (!stopped()) run_model(path, batch);
  }
  result_.interrupted = stopped();
  result_.unavailable = !result_.measured && unavailable_only_;
  return std::move(result_);
}

}  // namespace

Result<BenchResult> run_bench(const BenchOptions& options, const Events& events) {
  std::vector<Way> ways = FOVEA_TRY(ways_of(options));
  size_t baseline = 0;
  if (!options.baseline.empty()) {
    const auto found = std::ranges::find(ways, options.baseline, &Way::name);
    if (found == ways.end()) {
      std::vector<std::string> names;
      for (const Way& way : ways) names.push_back(way.name);
      return invalid_argument("--baseline {} is not among what is compared", options.baseline)
          .with_fix(fmt::format("give one of {}", fmt::join(names, ", ")));
    }
    baseline = static_cast<size_t>(found - ways.begin());
  }
  const IgnoreSigpipe ignore;
  TempFolder folder = FOVEA_TRY(TempFolder::make());
  return Bench(options, events, std::move(ways), baseline, std::move(folder)).run();
}

int64_t units_of(const BenchOptions& options) {
  const auto cases = options.models.size() * std::max<size_t>(1, options.batches.size());
  const auto groups = static_cast<int64_t>(cases * options.precisions.size() * options.threads.size());
  return groups * units_of_group(options.backends.size() + options.workers.size(), options.group);
}

}  // namespace fovea::bench
