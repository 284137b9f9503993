#include "cpu/tune.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace fovea::cpu {
namespace {

void print(const std::string& key, const Tuned& tuned, bool measured) {
  log_debug("tuning: {}{}", key, measured ? "" : " (from the timing cache)");
  for (const Timing& t : tuned.times)
    log_debug("tuning:   {} {:9.1f} us  {}", t.name == tuned.winner ? '*' : ' ', t.us, t.name);
}

}  // namespace

MeasuringTuner::MeasuringTuner(std::shared_ptr<TimingCache> cache, std::unique_ptr<Measurer> measurer, TuneWatch watch)
    : cache_(std::move(cache)), measurer_(std::move(measurer)), watch_(std::move(watch)) {}

size_t MeasuringTuner::choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) {
  const std::lock_guard lock(mutex_);
  const auto index_of = [&](const std::string& name) {
    return static_cast<size_t>(std::ranges::find(candidates, name, &Candidate::name) - candidates.begin());
  };
  if (const Tuned* known = cache_->find(key))
    if (const size_t i = index_of(known->winner); i < candidates.size()) {
      if (seen_.insert(key).second) print(key, *known, false);
      return i;
    }
  if (watch_.stop && watch_.stop()) return 0;
  if (watch_.begin) watch_.begin(key);
  const std::vector<double> times = measurer_->measure(node, candidates, watch_.stop);
  if (times.size() != candidates.size()) return 0;
  ++measured_;
  seen_.insert(key);
  const auto finite = [](double time) { return std::isfinite(time); };
  const auto least = static_cast<size_t>(std::ranges::min_element(times) - times.begin());
  const size_t best = times[least] < times[0] * (1 - kLeastGain) ? least : 0;
  // Where steps cannot be made, for want of memory as a rule, nothing was compared: another time it may be.
  if (!finite(times[0]) || std::none_of(times.begin() + 1, times.end(), finite)) return best;
  Tuned tuned{candidates[best].name, {}};
  for (size_t i = 0; i < times.size(); ++i)
    if (std::isfinite(times[i])) tuned.times.push_back({candidates[i].name, times[i]});
  std::ranges::stable_sort(tuned.times, {}, &Timing::us);
  print(key, tuned, true);
  const auto written = cache_->add(key, std::move(tuned));
  if (!written.ok() && !std::exchange(cannot_write_, true))
    log_warning("the timing cache cannot keep what tuning measures: {}", written.error().to_string());
  return best;
}

}  // namespace fovea::cpu
