// The tuner that measures what its timing cache does not know.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "cpu/plan_timer.h"
#include "cpu/timing_cache.h"

namespace fovea::cpu {

/// Who watches tuning, and may end it. Both are called from the thread that makes the plan.
struct TuneWatch {
  /// Before each plan that is measured: which of how many shapes' ways.
  std::function<void(const std::string& what)> begin = nullptr;
  /// Whether to stop: what is unknown gets the cost model's choice, and nothing of it is kept.
  std::function<bool()> stop = nullptr;
};

/// Measures candidates where they belong: it makes the plan with the first candidate of each step, with the second and
/// so on, runs each as a whole, and compares what the steps took. Plans take turns, one in memory at a time. In the end
/// the plan of the winners runs against the cost model's: where it is no faster, nothing but the latter is chosen.
class MeasuringTuner final : public Tuner {
 public:
  /// A candidate other than the cost model's is taken when it is faster by this part at least: less is chance.
  static constexpr double kLeastGain = 0.03;

  MeasuringTuner(std::shared_ptr<TimingCache> cache, std::unique_ptr<PlanTimer> timer, TuneWatch watch = {});
  void learn(const TrialMaker& make) override;
  /// What the timing cache knows, or learn() decided; else the cost model's choice.
  size_t choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) override;

  /// Shapes measured so far.
  int measured() const { return measured_; }

 private:
  struct Shape;
  class Trial;
  bool stopped() const { return watch_.stop && watch_.stop(); }
  bool measure(const TrialMaker& make, std::map<std::string, Shape>& shapes);
  bool is_faster(const TrialMaker& make, const std::map<std::string, Shape>& shapes);
  void keep(const std::string& key, const Shape& shape, size_t best);

  std::mutex mutex_;
  std::shared_ptr<TimingCache> cache_;
  std::unique_ptr<PlanTimer> timer_;
  TuneWatch watch_;
  int measured_ = 0;
  std::set<std::string> seen_;  // keys, printed or measured
  Choices decided_;             // what was measured, kept or not
  bool cannot_write_ = false;
};

}  // namespace fovea::cpu
