#include "pipeline/quantize/layer_errors.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "pipeline/quantize/taps.h"

namespace fovea::pipeline {
namespace {

struct Powers {
  double signal = 0, own = 0, total = 0;

  void add(const Tensor& exact, const Tensor& stored, const quantize::Parameters& parameters) {
    for (int64_t i = 0; i < exact.size(); ++i) {
      const double x = exact.data<float>()[i];
      if (!std::isfinite(x)) continue;
      const double rounded = parameters.dequantize(parameters.quantize(x)), y = stored.data<float>()[i];
      signal += x * x;
      own += (x - rounded) * (x - rounded);
      total += (x - y) * (x - y);
    }
  }
  double db(double noise) const {
    return noise == 0 ? 200 : signal == 0 ? 0 : std::min(200.0, 10 * std::log10(signal / noise));
  }
};

}  // namespace

Result<std::vector<LayerError>> layer_errors(const Graph& graph, const Graph& quantised, const quantize::Scales& scales,
                                             const InputReader& reader, std::span<const Photo> photos,
                                             int64_t most_tap_bytes, int threads, const std::function<bool()>& step) {
  std::vector<ValueId> values;  // in the order in which they are computed
  for (const auto& [value, parameters] : scales.parameters)
    if (graph.value(value).producer == kNoNode) values.push_back(value);
  for (NodeId id : graph.order())
    for (const ValueId out : graph.node(id).outputs)
      if (scales.parameters.contains(out)) values.push_back(out);
  const auto twin_of = [&](ValueId value) {
    return quantised.find_value(graph.value(value).name + "_DequantizeLinear_Output");
  };
  std::erase_if(values, [&](ValueId value) { return !twin_of(value); });
  std::vector<Tensor> inputs;
  for (const Photo& photo : photos)
    if (auto input = reader.read(std::span(&photo, 1)); input.ok()) inputs.push_back(std::move(input).value());
  std::vector<LayerError> errors;
  if (inputs.empty()) return errors;
  // The float model's values of all photos are held until the int8 one has run.
  const int64_t most_held = most_tap_bytes / static_cast<int64_t>(inputs.size());
  for (const auto& group : tap_groups(graph, values, inputs[0].type(), most_held)) {
    std::vector<ValueId> twins;
    for (const ValueId value : group) twins.push_back(*twin_of(value));
    std::vector<Powers> powers(group.size());
    std::vector<std::vector<Tensor>> exact;
    // One engine after the other: two would hold the weights twice.
    for (const bool is_float : {true, false}) {
      const auto engine = FOVEA_TRY(engine_with_taps(is_float ? graph : quantised, is_float ? group : twins, threads));
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (step && !step()) return unavailable("stopped");
        auto tensors = FOVEA_TRY(engine->run(std::span(&inputs[i], 1)));
        if (is_float) {
          exact.push_back(std::move(tensors));
          continue;
        }
        for (size_t k = 0; k < group.size(); ++k)
          if (tensors[k].type() == exact[i][k].type() && tensors[k].dtype() == DType::f32)
            powers[k].add(exact[i][k], tensors[k], scales.parameters.at(group[k]));
      }
    }
    for (size_t k = 0; k < group.size(); ++k)
      errors.push_back({graph.value(group[k]).name, powers[k].db(powers[k].own), powers[k].db(powers[k].total)});
  }
  return errors;
}

}  // namespace fovea::pipeline
