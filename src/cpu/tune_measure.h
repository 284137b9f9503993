// Measuring the candidates of a step as a run of the whole model would find them: with all threads, its weights in no
// cache of a core, its input just written by the step before.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cpu/lower.h"
#include "cpu/tuner.h"

namespace fovea::cpu {

/// Says how long each candidate takes.
class Measurer {
 public:
  virtual ~Measurer() = default;
  /// Microseconds; infinity for a candidate that cannot be made. Empty where `stop` said so.
  virtual std::vector<double> measure(const LowerNode& node, std::span<const Candidate> candidates,
                                      const std::function<bool()>& stop) = 0;
};

/// Time as measuring sees it; tests have their own.
struct Clock {
  std::function<double()> now_us;
  /// Microseconds that a fixed piece of work takes: longer when the clock is lower, or the core is shared.
  std::function<double()> probe_us;
};
Clock real_clock();

/// Each candidate's least time of `rounds` runs, in turns. A run counts when the probe before and behind it took no
/// longer than 1.1 times the least probe so far; else it is repeated, up to three times as many runs in all. Candidates
/// that take 1.5 times the least after three rounds run no more. prepare(i) is not timed. Empty where `stop` said so.
std::vector<double> least_times(size_t candidates, int rounds, const Clock& clock,
                                const std::function<void(size_t)>& prepare, const std::function<void(size_t)>& run,
                                const std::function<bool()>& stop);

class StepMeasurer final : public Measurer {
 public:
  explicit StepMeasurer(int threads, Clock clock = real_clock()) : threads_(threads), clock_(std::move(clock)) {}
  std::vector<double> measure(const LowerNode& node, std::span<const Candidate> candidates,
                              const std::function<bool()>& stop) override;

 private:
  int threads_;
  Clock clock_;
};

}  // namespace fovea::cpu
