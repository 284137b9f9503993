// Which layers to keep in float so that the answers stay: the most sensitive ones, and no more than needed.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/quantize/answers.h"
#include "pipeline/quantize/quantizer.h"

namespace fovea::pipeline {

/// What the model's output loses when this layer alone is int8.
struct Sensitivity {
  std::string layer;
  double sqnr_db = 0;
};

/// `how`: with which engine; its precision is that of the float parts.
/// Of each layer, over these references, the most sensitive first. `step` is called before each run and may stop it.
/// Error: the engine's; unavailable when stopped.
Result<std::vector<Sensitivity>> sensitivities(const Quantizer& quantizer, const InputReader& reader,
                                               std::span<const Reference> references, const cpu::EngineOptions& how,
                                               const std::function<bool()>& step);

/// One try: so many layers in float.
struct TradeRow {
  int64_t kept = 0;
  Answers answers;
  double drop = 0;  // points
};

struct Trade {
  std::vector<TradeRow> rows;  // by `kept`
  std::set<std::string> kept;  // of the try that was chosen
  bool met = false;            // its drop is within what was asked
};

/// Tries 0 layers in float, then 1, 2, 4, ... of the most sensitive until the drop is met, then fewer by halving; takes
/// the fewest that meet it, or all where none does. Error: as sensitivities.
Result<Trade> trade(const Quantizer& quantizer, std::span<const Sensitivity> sensitive, double most_drop,
                    const InputReader& reader, std::span<const Reference> references,
                    const std::optional<FolderClasses>& classes, const cpu::EngineOptions& how,
                    const std::function<bool()>& step);

}  // namespace fovea::pipeline
