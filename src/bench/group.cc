#include "bench/group.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "base/error.h"
#include "base/system.h"
#include "bench/distance.h"
#include "bench/statistics.h"
#include "tasks/npy.h"

namespace fovea::bench {
namespace {

constexpr double kNoTime = std::numeric_limits<double>::quiet_NaN();

/// A worker with the row that it is measured for; the baseline's second one has a row that nobody sees.
struct Runner {
  const Way* way = nullptr;
  Row row;
  std::unique_ptr<Worker> worker;
  std::vector<double> ms, block_medians;
  bool told_of_spinning = false;
};

/// The times of a block that count: its first run finds the caches full of another worker's data.
std::span<const double> warm_part(const std::vector<double>& block) {
  constexpr size_t kEnough = 4;
  return block.size() < kEnough ? std::span(block) : std::span(block).subspan(1);
}

class Measurement {
 public:
  Measurement(const Group& group, std::span<const Way> ways, size_t baseline, const GroupOptions& options,
              Conditions& conditions, const Events& events)
      : group_(group), options_(options), conditions_(conditions), events_(events) {
    for (size_t i = 0; i < ways.size(); ++i) add(ways[i]);
    baseline_ = &runners_[baseline];
    if (options.self) {
      self_.emplace();
      self_->way = &ways[baseline];
      self_->row = baseline_->row;
    }
  }

  GroupResult measure();

 private:
  void add(const Way& way) {
    Runner runner;
    runner.way = &way;
    runner.row.model = group_.model->name;
    runner.row.backend = way.name;
    runner.row.precision = group_.precision;
    runner.row.batch = group_.model->batch;
    runner.row.threads = group_.threads;
    runners_.push_back(std::move(runner));
  }

  bool stopped() const { return events_.stop && events_.stop(); }
  void advance() const {
    if (events_.advance) events_.advance();
  }
  void fail(Runner& runner, const Error& error);
  bool load(Runner& runner);
  Result<void> try_load(Runner& runner);
  void compare_outputs(Runner& runner, const Loaded& loaded);
  void warm_up(Runner& runner);
  void settle(Runner& runner);
  bool another_fits() const;
  void measure_live(std::vector<Runner*>& live);
  void take_rounds(std::span<Runner* const> live, std::span<const Round> rounds);
  void finish(Runner& runner);

  const Group& group_;
  const GroupOptions& options_;
  Conditions& conditions_;
  const Events& events_;
  std::vector<Runner> runners_;
  std::optional<Runner> self_;
  Runner* baseline_ = nullptr;
  std::vector<Runner*> live_;
  int folders_ = 0;
  GroupResult result_;
};

void Measurement::fail(Runner& runner, const Error& error) {
  if (stopped()) return;
  if (error.code != ErrorCode::unavailable) result_.unavailable_only = false;
  runner.row.failed = error.where.empty() ? error.message : error.where + ": " + error.message;
  runner.row.fix = error.fix;
  runner.worker.reset();
}

Result<void> Measurement::try_load(Runner& runner) {
  runner.worker = FOVEA_TRY(Worker::start(runner.way->argv, runner.way->shown, options_.limits, events_.stop));
  LoadRequest request;
  request.model = group_.model->path.string();
  request.precision = group_.precision;
  request.batch = group_.model->batch;
  request.threads = group_.threads;
  request.inputs = group_.inputs;
  request.outputs = fmt::format("{}/{}", group_.folder, folders_++);
  if (!options_.photos.empty()) request.photo = options_.photos.front();
  Loaded loaded = FOVEA_TRY(runner.worker->load(request));
  compare_outputs(runner, loaded);
  runner.row.library = std::move(loaded.library);
  runner.row.load_s = loaded.load_s;
  runner.row.first_s = loaded.first_s;
  runner.row.disk_mb = loaded.disk_mb.value_or(group_.model->disk_mb);
  runner.row.facts = std::move(loaded.facts);
  return {};
}

bool Measurement::load(Runner& runner) {
  const auto loaded = try_load(runner);
  if (!loaded.ok()) fail(runner, loaded.error());
  if (loaded.ok()) warm_up(runner);
  settle(runner);
  advance();
  if (!runner.worker || !runner.worker->alive()) return false;
  live_.push_back(&runner);
  return true;
}

void Measurement::compare_outputs(Runner& runner, const Loaded& loaded) {
  if (group_.reference.empty() || loaded.outputs.empty()) return;
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < group_.reference.size(); ++i) {
    auto file = std::ranges::find(loaded.outputs, group_.output_names[i], &NamedFile::name);
    if (file == loaded.outputs.end()) {
      if (loaded.outputs.size() != group_.reference.size()) return;  // others than the reference's
      file = loaded.outputs.begin() + static_cast<std::ptrdiff_t>(i);
    }
    auto tensor = tasks::read_npy(file->file);
    if (!tensor.ok()) {
      result_.notes.push_back(
          fmt::format("{}: its outputs cannot be read: {}", runner.way->name, tensor.error().to_string()));
      return;
    }
    outputs.push_back(*std::move(tensor));
  }
  const auto found = distance(outputs, group_.reference);
  if (found.ok())
    runner.row.error = *found;
  else
    result_.notes.push_back(fmt::format("{}: no error is given: {}", runner.way->name, found.error().message));
}

void Measurement::warm_up(Runner& runner) {
  if (options_.warm_up_s <= 0) return;
  const auto times = runner.worker->run({options_.block.runs, options_.warm_up_s});
  if (!times.ok()) fail(runner, times.error());
}

/// Waits until the worker's threads have stopped spinning for more work, so that they take nothing from the next one.
void Measurement::settle(Runner& runner) {
  constexpr auto kStep = std::chrono::milliseconds(25);
  constexpr int kMostSteps = 20;
  constexpr double kBusy = 0.1;  // of one core
  if (!runner.worker || !runner.worker->alive()) return;
  double before = runner.worker->usage().cpu_s;
  for (int step = 0; step < kMostSteps; ++step) {
    std::this_thread::sleep_for(kStep);
    const double now = runner.worker->usage().cpu_s;
    if (step > 0 && now - before < kBusy * std::chrono::duration<double>(kStep).count()) return;
    before = now;
  }
  if (!std::exchange(runner.told_of_spinning, true))
    result_.notes.push_back(fmt::format(
        "{}: its threads go on spinning between blocks; the other rows are slower for it", runner.way->name));
}

/// Whether there is memory for one more worker like the largest so far.
bool Measurement::another_fits() const {
  constexpr double kShare = 0.8;
  double used = 0, largest = 0;
  for (const Runner* runner : live_) {
    const GroupUsage usage = runner->worker->usage();
    used += usage.rss_mb;
    largest = std::max(largest, usage.peak_rss_mb);
  }
  return used + largest < kShare * 1e-6 * static_cast<double>(memory_limit());
}

void Measurement::take_rounds(std::span<Runner* const> live, std::span<const Round> rounds) {
  std::vector<bool> counts = quiet_rounds(rounds, conditions_.cores());
  const auto quiet = static_cast<int>(std::ranges::count(counts, true));
  const auto all = static_cast<int>(rounds.size());
  if (quiet == 0 && all > 0) {
    counts.assign(rounds.size(), true);
    result_.notes.push_back(
        fmt::format("{}, batch {}, {} threads, {}: the machine was never quiet; all {} rounds count, do not trust them",
                    group_.model->name, group_.model->batch, group_.threads, group_.precision, all));
  }
  for (size_t w = 0; w < live.size(); ++w) {
    Runner& runner = *live[w];
    runner.ms.clear();
    runner.block_medians.clear();
    for (size_t r = 0; r < rounds.size(); ++r) {
      if (!counts[r]) continue;
      const auto part = warm_part(rounds[r].ms[w]);
      runner.ms.insert(runner.ms.end(), part.begin(), part.end());
      runner.block_medians.push_back(part.empty() ? kNoTime : median(part));
    }
    if (runner.row.ms.median > 0) continue;  // the baseline beside further workers: its first figures stay
    runner.row.rounds = quiet > 0 ? quiet : all;
    runner.row.dropped = quiet > 0 ? all - quiet : 0;
  }
}

/// Everything that the worker can still tell; then it ends, unless it is the baseline.
void Measurement::finish(Runner& runner) {
  Row& row = runner.row;
  if (!row.failed && !runner.ms.empty() && row.ms.median == 0) {
    row.ms = {std::ranges::min(runner.ms), median(runner.ms), quantile(runner.ms, 0.9), quantile(runner.ms, 0.99)};
    row.images_per_s = static_cast<double>(row.batch) * 1e3 / row.ms.median;
  }
  if (!row.failed && !baseline_->block_medians.empty() && !baseline_->row.failed) {
    const PairedRatio ratio = paired_ratio(baseline_->block_medians, runner.block_medians);
    if (ratio.rounds > 0) row.ratio = Ratio{ratio.median, ratio.interval.low, ratio.interval.high};
  }
  if (!runner.worker || !runner.worker->alive()) return;
  if (!row.rss_mb) {
    row.rss_mb = runner.worker->usage().peak_rss_mb;
    if (!stopped() && options_.per_step && runner.way->own)
      if (auto steps = runner.worker->steps({options_.repeats}); steps.ok()) row.steps = *std::move(steps);
    if (!stopped() && !options_.photos.empty()) {
      auto stages = runner.worker->stages({options_.photos, options_.repeats, options_.resize});
      if (stages.ok()) {
        row.stages = *std::move(stages);
        if (runner.way->own)
          result_.notes.push_back(fmt::format("fovea's own stages: photos resized in mode {}", options_.resize));
      } else if (!stopped() && runner.way->own) {  // others may well begin with tensors only
        result_.notes.push_back(fmt::format("{}: no stages: {}", row.backend, stages.error().to_string()));
      }
    }
  }
  if (&runner == baseline_ || !runner.worker) return;
  runner.worker->stop();
  runner.worker.reset();
}

void Measurement::measure_live(std::vector<Runner*>& live) {
  int done = 0;
  const auto run_block = [&](size_t w) -> std::vector<double> {
    Runner& runner = *live[w];
    auto times = runner.worker->run(options_.block);
    if (!times.ok()) {
      fail(runner, times.error());
      return {};
    }
    settle(runner);
    return *std::move(times);
  };
  const auto rounds = run_rounds(
      live.size(), options_.rounds, conditions_, run_block, [&] { return !stopped(); },
      [&](int counting) {
        for (; done < counting; ++done) advance();
      });
  take_rounds(live, rounds);
  for (; done < options_.rounds.rounds; ++done) advance();
  for (Runner* runner : live)
    if (runner != baseline_) finish(*runner);
  finish(*baseline_);
  std::erase_if(live, [&](const Runner* runner) { return runner != baseline_ || !runner->worker; });
}

GroupResult Measurement::measure() {
  std::vector<Runner*> waiting = {baseline_};
  if (self_) waiting.push_back(&*self_);
  for (Runner& runner : runners_)
    if (&runner != baseline_) waiting.push_back(&runner);
  size_t next = 0;
  do {
    size_t loaded = 0;
    while (next < waiting.size() && !stopped() && (loaded == 0 || another_fits())) {
      Runner& runner = *waiting[next++];
      const bool second = self_ && &runner == &*self_;
      if (second && baseline_->row.failed) {
        advance();
        continue;
      }
      if (load(runner) && &runner != baseline_) ++loaded;
    }
    if (!live_.empty() && !stopped()) measure_live(live_);
  } while (next < waiting.size() && !stopped());
  if (baseline_->worker) baseline_->worker->stop();

  if (self_) result_.same_with_same = self_->row.ratio;
  if (self_ && self_->row.failed && !baseline_->row.failed)
    result_.notes.push_back(fmt::format("{}: its second worker failed: {}", baseline_->way->name, *self_->row.failed));
  for (Runner& runner : runners_) result_.rows.push_back(std::move(runner.row));
  return std::move(result_);
}

}  // namespace

GroupResult measure_group(const Group& group, std::span<const Way> ways, size_t baseline, const GroupOptions& options,
                          Conditions& conditions, const Events& events) {
  return Measurement(group, ways, baseline, options, conditions, events).measure();
}

int64_t units_of_group(size_t ways, const GroupOptions& options) {
  return static_cast<int64_t>(ways) + (options.self ? 1 : 0) + options.rounds.rounds;
}

}  // namespace fovea::bench
