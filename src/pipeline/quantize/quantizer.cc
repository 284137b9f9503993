#include "pipeline/quantize/quantizer.h"

#include "quantize/correct_bias.h"

namespace fovea::pipeline {
namespace {

/// The histogram in at most so many bins, cut to what was seen, as ONNX Runtime keeps it.
void add_histogram(const quantize::Observer& observer, quantize::TableEntry& entry) {
  constexpr size_t kBins = 128;
  const auto counts = observer.histogram.counts();
  if (counts.empty()) return;
  const size_t each = counts.size() / kBins;
  const double width = observer.histogram.width() * static_cast<double>(each);
  for (size_t bin = 0; bin < kBins; ++bin) {
    uint64_t sum = 0;
    for (size_t i = bin * each; i < (bin + 1) * each; ++i) sum += counts[i];
    entry.counts.push_back(static_cast<int64_t>(sum));
  }
  for (size_t edge = 0; edge <= kBins; ++edge)
    entry.edges.push_back(static_cast<float>(static_cast<double>(edge) * width - observer.histogram.limit()));
}

}  // namespace

Result<QuantizedModel> Quantizer::build(const std::set<std::string>& keep_float) const {
  quantize::SelectOptions what = options.select;
  what.keep_float.insert(keep_float.begin(), keep_float.end());
  QuantizedModel model;
  model.selection = quantize::select(graph, what);
  model.scales = quantize::choose_scales(graph, model.selection, ranges, options.scales);
  Graph corrected;
  if (options.correct_bias) {
    corrected = graph;
    model.corrected_biases = FOVEA_TRY(quantize::correct_bias(corrected, model.selection, model.scales, means));
  }
  auto inserted = FOVEA_TRY(
      quantize::insert(options.correct_bias ? corrected : graph, model.selection, model.scales, options.insert));
  model.graph = std::move(inserted.graph);
  model.weights = std::move(inserted.weights);
  return model;
}

std::vector<std::string> Quantizer::layers() const {
  std::vector<std::string> keys;
  for (const quantize::IntegerNode& node : quantize::select(graph, options.select).nodes)
    if (node.weighted()) keys.push_back(quantize::node_key(graph, node.node));
  return keys;
}

quantize::Ranges ranges_of(const Calibration& calibration, const quantize::RangeOptions& options) {
  quantize::Ranges ranges;
  for (const auto& [value, observer] : calibration.observers)
    if (const auto range = quantize::choose_range(observer, options)) ranges[value] = *range;
  return ranges;
}

quantize::Ranges ranges_of(const Graph& graph, const quantize::Table& table) {
  quantize::Ranges ranges;
  for (const quantize::TableEntry& entry : table.entries)
    if (const auto value = graph.find_value(entry.name)) ranges[*value] = entry.range;
  return ranges;
}

quantize::Table table_of(const Graph& graph, const Calibration& calibration, const quantize::RangeOptions& options) {
  quantize::Table table;
  const bool histograms = options.method == quantize::Method::entropy || options.method == quantize::Method::percentile;
  table.method = options.method == quantize::Method::entropy      ? "Entropy"
                 : options.method == quantize::Method::percentile ? "Percentile"
                                                                  : "MinMax";
  const auto add = [&](ValueId value) {
    const auto it = calibration.observers.find(value);
    if (it == calibration.observers.end()) return;
    const auto range = quantize::choose_range(it->second, options);
    if (!range) return;
    quantize::TableEntry entry;
    entry.name = graph.value(value).name;
    entry.range = *range;
    if (histograms) add_histogram(it->second, entry);
    table.entries.push_back(std::move(entry));
  };
  for (const ValueId input : graph.inputs) add(input);
  for (NodeId id : graph.order())
    for (const ValueId out : graph.node(id).outputs) add(out);
  return table;
}

}  // namespace fovea::pipeline
