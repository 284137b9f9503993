// How long the steps of a plan take when the whole plan runs.
#pragma once

#include <memory>
#include <vector>

#include "cpu/context.h"
#include "cpu/plan.h"

namespace fovea::cpu {

/// Microseconds.
struct PlanTimes {
  std::vector<double> steps;  // the least of each
  double whole = 0;           // the least of all runs
};

class PlanTimer {
 public:
  virtual ~PlanTimer() = default;
  /// Runs the plan some times. No steps where it does not run: what its inputs must be, only the user's data shows.
  virtual PlanTimes time(const Plan& plan) = 0;
};

/// Runs plans on inputs of its own, with threads of its own: one run that does not count, then as many as pass in a
/// time, at least two.
class RunTimer final : public PlanTimer {
 public:
  explicit RunTimer(int threads) : threads_(threads) {}
  PlanTimes time(const Plan& plan) override;

 private:
  int threads_;
  std::unique_ptr<Context> context_;
};

}  // namespace fovea::cpu
