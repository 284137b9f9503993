// The tuner that measures what its timing cache does not know.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "cpu/timing_cache.h"
#include "cpu/tune_measure.h"

namespace fovea::cpu {

/// Who watches tuning, and may end it. Both are called from the thread that makes the plan.
struct TuneWatch {
  /// Before each measurement: the key that is measured.
  std::function<void(const std::string& key)> begin = nullptr;
  /// Whether to stop: what is left gets the cost model's choice. What was measured is kept.
  std::function<bool()> stop = nullptr;
};

class MeasuringTuner final : public Tuner {
 public:
  /// A candidate other than the cost model's is taken when it is faster by this part at least: less is chance.
  static constexpr double kLeastGain = 0.02;

  MeasuringTuner(std::shared_ptr<TimingCache> cache, std::unique_ptr<Measurer> measurer, TuneWatch watch = {});
  /// `-v` prints the candidates with their times.
  size_t choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) override;

  int measured() const { return measured_; }

 private:
  std::mutex mutex_;
  std::shared_ptr<TimingCache> cache_;
  std::unique_ptr<Measurer> measurer_;
  TuneWatch watch_;
  int measured_ = 0;
  std::set<std::string> seen_;  // keys, printed or measured
  bool cannot_write_ = false;
};

}  // namespace fovea::cpu
