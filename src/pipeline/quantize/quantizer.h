// A float graph and the ranges of its values: int8 models of it, with any of its layers left in float.
#pragma once

#include <set>

#include "pipeline/quantize/calibrate.h"
#include "quantize/insert.h"
#include "quantize/range.h"
#include "quantize/table.h"

namespace fovea::pipeline {

struct QuantizerOptions {
  quantize::SelectOptions select;
  quantize::ScaleOptions scales;
  quantize::InsertOptions insert;
  bool correct_bias = false;
};

/// One int8 model.
struct QuantizedModel {
  Graph graph;
  quantize::Selection selection;
  quantize::Scales scales;
  std::vector<quantize::WeightReport> weights;
  int corrected_biases = 0;
};

struct Quantizer {
  Graph graph;  // as quantize::prepare gives it
  QuantizerOptions options;
  quantize::Ranges ranges;
  std::map<ValueId, std::vector<double>> means;  // of channels, for bias correction

  /// Error: as quantize::insert.
  Result<QuantizedModel> build(const std::set<std::string>& keep_float) const;
  /// Keys of the nodes that hold weights and become int8, in the graph's order.
  std::vector<std::string> layers() const;
};

/// Ranges by this method, of the values that have one.
quantize::Ranges ranges_of(const Calibration& calibration, const quantize::RangeOptions& options);
/// Ranges of the graph's values from a table; what it lacks stays without.
quantize::Ranges ranges_of(const Graph& graph, const quantize::Table& table);

/// The calibration as a table, in the graph's order, with histograms where the method uses them.
quantize::Table table_of(const Graph& graph, const Calibration& calibration, const quantize::RangeOptions& options);

}  // namespace fovea::pipeline
