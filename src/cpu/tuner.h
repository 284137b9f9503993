// Tuning: which of several ways of making a step is taken. Makers that know more than one list them; without a tuner
// the first of the list, which the cost model prefers, is made.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "cpu/step.h"
#include "fovea/result.h"

namespace fovea::cpu {

class Plan;
class Tuner;
struct LowerNode;

/// One way of making a step. Names are part of timing caches and engine files: they say all that differs.
struct Candidate {
  std::string name;  // "winograd 4x3 6x64, blocks of 24"
  std::function<StepPtr(const LowerNode&)> make;
};

/// Lists of makers have at most so many candidates.
inline constexpr size_t kMostCandidates = 12;

/// What a plan is made for while tuning: the keys of its steps, which then have weights without meaning, or runs.
enum class TrialKind { for_its_keys, to_run };
/// Makes the plan that is to be tuned with another tuner, as often as it is called; nothing of it stays when it goes.
using TrialMaker = std::function<Result<std::unique_ptr<const Plan>>(const std::shared_ptr<Tuner>&, TrialKind)>;

class Tuner {
 public:
  virtual ~Tuner() = default;
  /// Called before a plan is made: what is to be measured can be.
  virtual void learn(const TrialMaker& /*make*/) {}
  /// The index of the candidate to take. `key`: operation, shape, precision, instruction set and threads.
  virtual size_t choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) = 0;
};

/// Names of candidates that were taken, by key.
using Choices = std::map<std::string, std::string>;

/// What an engine file holds; nothing is measured. A key that it lacks gets the cost model's choice.
class RecordedChoices final : public Tuner {
 public:
  explicit RecordedChoices(Choices choices) : choices_(std::move(choices)) {}
  size_t choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) override;

 private:
  Choices choices_;
};

/// The tuning of one plan.
struct PlanTuning {
  Tuner* tuner = nullptr;
  Choices taken;
  std::string made;  // the key of the step that was made last
};

/// Makes the chosen candidate's step. `operation`: kind and shape, as in "linear 197x768 to 3072 gelu"; two nodes with
/// the same text have the same candidates. nullptr where it cannot be made.
StepPtr make_chosen(const LowerNode& node, const std::string& operation, std::span<const Candidate> candidates);

}  // namespace fovea::cpu
