// Tuning: which of several ways of making a step is taken. Makers that know more than one list them; without a tuner
// the first of the list, which the cost model prefers, is made.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "cpu/step.h"

namespace fovea::cpu {

struct LowerNode;

/// One way of making a step. Names are part of timing caches and engine files: they say all that differs.
struct Candidate {
  std::string name;  // "winograd 4x3 6x64, blocks of 24"
  std::function<StepPtr(const LowerNode&)> make;
};

/// Lists of makers have at most so many candidates.
inline constexpr size_t kMostCandidates = 12;

class Tuner {
 public:
  virtual ~Tuner() = default;
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
};

/// Makes the chosen candidate's step. `operation`: kind and shape, as in "linear 197x768 to 3072 gelu"; two nodes with
/// the same text have the same candidates. nullptr where it cannot be made.
StepPtr make_chosen(const LowerNode& node, const std::string& operation, std::span<const Candidate> candidates);

}  // namespace fovea::cpu
