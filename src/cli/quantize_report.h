// What `fovea quantize` tells: as text, and as JSON for --report and --format json.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/output.h"
#include "pipeline/quantize/answers.h"
#include "pipeline/quantize/layer_errors.h"
#include "pipeline/quantize/trade.h"
#include "quantize/insert.h"
#include "quantize/range.h"

namespace fovea::cli {

struct QuantizeReport {
  std::string model, output, method;
  int64_t calibrated = 0, held_back = 0;  // photos
  std::vector<std::string> unreadable;
  int64_t layers = 0, layers_int8 = 0, values = 0;
  std::vector<std::string> layers_float;      // that could be int8: kept by --max-drop
  int64_t bytes_before = 0, bytes_after = 0;  // of weights
  int equalized_pairs = 0, corrected_biases = 0;

  struct ValueRange {
    std::string value;
    quantize::Range range;
    quantize::Parameters parameters;
    int group = 0;  // values with the same number share scale and zero point
    std::string suspicion;
  };
  std::vector<ValueRange> ranges;
  std::vector<pipeline::LayerError> errors;
  std::vector<quantize::WeightReport> weights;
  std::optional<pipeline::Answers> on_calibration, on_held_back;
  double float_ms = 0;
  std::vector<pipeline::Sensitivity> sensitivities;
  std::optional<pipeline::Trade> trade;
  std::optional<double> most_drop;
};

void write_text(std::ostream& out, const QuantizeReport& report);
Json to_json(const QuantizeReport& report);

}  // namespace fovea::cli
