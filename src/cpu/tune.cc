#include "cpu/tune.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"

namespace fovea::cpu {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int kRounds = 3;         // each candidate's plan is made and run so often
constexpr double kHopeless = 1.5;  // times the least: not run again

void print(const std::string& key, const Tuned& tuned, bool measured) {
  log_debug("tuning: {}{}", key, measured ? "" : " (from the timing cache)");
  for (const Timing& t : tuned.times)
    log_debug("tuning:   {} {:9.1f} us  {}", t.name == tuned.winner ? '*' : ' ', t.us, t.name);
}

}  // namespace

/// A key that is not known, and what was measured of it.
struct MeasuringTuner::Shape {
  std::vector<std::string> names;
  std::vector<std::vector<double>> least;  // of each candidate, of each step with this key; empty: never ran
  std::vector<size_t> alive;               // candidates that are still measured
  size_t chosen = 0;                       // for the plan that is made next

  double time(size_t candidate) const {
    if (least[candidate].empty()) return kNever;
    double sum = 0;
    for (const double us : least[candidate]) sum += us;
    return sum;
  }
  size_t best() const {
    size_t best = 0;
    for (size_t i = 1; i < names.size(); ++i)
      if (time(i) < time(best)) best = i;
    return time(best) < time(0) * (1 - kLeastGain) ? best : 0;
  }
};

/// The tuner of a plan that is measured: known keys as they are known, unknown ones as their shape says.
class MeasuringTuner::Trial final : public Tuner {
 public:
  Trial(TimingCache& cache, const Choices& decided, std::map<std::string, Shape>& shapes)
      : cache_(cache), decided_(decided), shapes_(shapes) {}
  size_t choose(const std::string& key, const LowerNode& /*node*/, std::span<const Candidate> candidates) override {
    const Tuned* known = cache_.find(key);
    const auto decided = decided_.find(key);
    if (known != nullptr || decided != decided_.end()) {
      const auto at =
          std::ranges::find(candidates, known != nullptr ? known->winner : decided->second, &Candidate::name);
      if (at != candidates.end()) return static_cast<size_t>(at - candidates.begin());
    }
    Shape& shape = shapes_[key];
    if (shape.names.empty()) {
      for (const Candidate& candidate : candidates) shape.names.push_back(candidate.name);
      shape.least.resize(candidates.size());
      for (size_t i = 0; i < candidates.size(); ++i) shape.alive.push_back(i);
    }
    return std::min(shape.chosen, candidates.size() - 1);
  }

 private:
  TimingCache& cache_;
  const Choices& decided_;
  std::map<std::string, Shape>& shapes_;
};

MeasuringTuner::MeasuringTuner(std::shared_ptr<TimingCache> cache, std::unique_ptr<PlanTimer> timer, TuneWatch watch)
    : cache_(std::move(cache)), timer_(std::move(timer)), watch_(std::move(watch)) {}

size_t MeasuringTuner::choose(const std::string& key, const LowerNode& /*node*/,
                              std::span<const Candidate> candidates) {
  const std::lock_guard lock(mutex_);
  const auto index_of = [&](const std::string& name) {
    return static_cast<size_t>(std::ranges::find(candidates, name, &Candidate::name) - candidates.begin());
  };
  if (const Tuned* known = cache_->find(key))
    if (const size_t i = index_of(known->winner); i < candidates.size()) {
      if (seen_.insert(key).second) print(key, *known, false);
      return i;
    }
  const auto decided = decided_.find(key);
  const size_t i = decided == decided_.end() ? 0 : index_of(decided->second);
  return i < candidates.size() ? i : 0;
}

void MeasuringTuner::learn(const TrialMaker& make) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Shape> shapes;
  if (stopped() || !make(std::make_shared<Trial>(*cache_, decided_, shapes), TrialKind::for_its_keys).ok()) return;
  if (shapes.empty() || !measure(make, shapes)) return;
  const bool faster = is_faster(make, shapes);
  if (stopped()) return;
  if (!faster) log_debug("tuning: all together are no faster than what the cost model chose, which stays");
  for (const auto& [key, shape] : shapes) keep(key, shape, faster ? shape.best() : 0);
}

bool MeasuringTuner::measure(const TrialMaker& make, std::map<std::string, Shape>& shapes) {
  const auto trial = std::make_shared<Trial>(*cache_, decided_, shapes);
  for (int round = 0; round < kRounds; ++round) {
    size_t most = 0;
    for (const auto& [key, shape] : shapes) most = std::max(most, shape.alive.size());
    for (size_t number = 0; number < most; ++number) {
      if (stopped()) return false;
      if (watch_.begin)
        watch_.begin(fmt::format("{} shapes, round {} of {}, way {} of {}", shapes.size(), round + 1, kRounds,
                                 number + 1, most));
      for (auto& [key, shape] : shapes) shape.chosen = shape.alive[number % shape.alive.size()];
      const auto plan = make(trial, TrialKind::to_run);
      if (!plan.ok()) continue;
      const PlanTimes times = timer_->time(**plan);
      if (times.steps.size() != (*plan)->steps()) return false;
      std::map<std::string, size_t> before;  // steps of this key so far
      for (size_t i = 0; i < times.steps.size(); ++i) {
        const auto shape = shapes.find((*plan)->tuning_key_of_step(i));
        if (shape == shapes.end()) continue;
        std::vector<double>& least = shape->second.least[shape->second.chosen];
        const size_t at = before[shape->first]++;
        if (at == least.size()) least.push_back(kNever);
        least[at] = std::min(least[at], times.steps[i]);
      }
    }
    for (auto& [key, shape] : shapes) {
      double best = kNever;
      for (const size_t i : shape.alive) best = std::min(best, shape.time(i));
      std::erase_if(shape.alive, [&](size_t i) { return i != 0 && !(shape.time(i) <= kHopeless * best); });
    }
  }
  measured_ += static_cast<int>(shapes.size());
  return true;
}

/// Steps have neighbours, which find caches and threads as they were left: whether all winners together are faster
/// than the cost model's choices.
bool MeasuringTuner::is_faster(const TrialMaker& make, const std::map<std::string, Shape>& shapes) {
  std::map<std::string, Shape> chosen = shapes;
  const auto trial = std::make_shared<Trial>(*cache_, decided_, chosen);
  double least[] = {kNever, kNever};  // the cost model's, the winners'
  for (const int turn : {0, 1, 1, 0}) {
    if (stopped()) return false;
    for (auto& [key, shape] : chosen) shape.chosen = turn == 0 ? 0 : shape.best();
    const auto plan = make(trial, TrialKind::to_run);
    if (!plan.ok()) continue;
    const PlanTimes times = timer_->time(**plan);
    if (!times.steps.empty()) least[turn] = std::min(least[turn], times.whole);
  }
  log_debug("tuning: the whole model took {:.1f} us as the cost model chose, {:.1f} us with what was the fastest",
            least[0], least[1]);
  return least[1] < least[0];
}

void MeasuringTuner::keep(const std::string& key, const Shape& shape, size_t best) {
  seen_.insert(key);
  decided_[key] = shape.names[best];
  Tuned tuned{shape.names[best], {}};
  for (size_t i = 0; i < shape.names.size(); ++i)
    if (std::isfinite(shape.time(i))) tuned.times.push_back({shape.names[i], shape.time(i)});
  // Where steps could not be made, for want of memory as a rule, nothing was compared: another time it may be.
  const bool compared = std::isfinite(shape.time(0)) && tuned.times.size() > 1;
  std::ranges::stable_sort(tuned.times, {}, &Timing::us);
  print(key, tuned, true);
  if (!compared) return;
  const auto written = cache_->add(key, std::move(tuned));
  if (!written.ok() && !std::exchange(cannot_write_, true))
    log_warning("the timing cache cannot keep what tuning measures: {}", written.error().to_string());
}

}  // namespace fovea::cpu
