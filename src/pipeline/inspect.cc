#include "pipeline/inspect.h"

#include <set>

#include "base/error.h"
#include "onnx/read.h"
#include "passes/pipeline.h"
#include "passes/specialise.h"
#include "pipeline/multiply_adds.h"
#include "pipeline/stopwatch.h"

namespace fovea::pipeline {
namespace {

class Counter {
 public:
  explicit Counter(Inspection& result) : result_(result) {}

  void count(const Graph& graph) {
    for (size_t id = 0; id < graph.value_slots(); ++id)
      if (const Tensor* constant = graph.constant(static_cast<ValueId>(id))) count_constant(*constant);
    for (NodeId id : graph.order()) {
      const Node& node = graph.node(id);
      ++result_.nodes;
      ++result_.operators[node.domain.empty() ? node.op_type : node.domain + "." + node.op_type];
      result_.opsets.emplace(node.domain, node.opset);
      for (const auto& [name, attribute] : node.attributes)
        if (const auto* subgraph = std::get_if<std::shared_ptr<Graph>>(&attribute)) count(**subgraph);
    }
  }

 private:
  void count_constant(const Tensor& constant) {
    if (!seen_.emplace(constant.identity(), constant.bytes()).second) return;  // shared weights count once
    result_.weight_bytes += static_cast<int64_t>(constant.bytes());
    if (constant.dtype() != DType::i64 && constant.dtype() != DType::boolean) result_.parameters += constant.size();
  }
  Inspection& result_;
  std::set<std::pair<const void*, size_t>> seen_;
};

Result<std::vector<TensorType>> concrete_inputs(const Graph& graph, std::optional<int64_t> height,
                                                std::optional<int64_t> width) {
  std::vector<TensorType> types;
  for (ValueId id : passes::fed_inputs(graph)) {
    const Value& value = graph.value(id);
    ValueType type = value.type;
    if (type.shape && !type.shape->empty()) {
      auto& shape = *type.shape;
      if (!shape[0].known() && shape.size() <= 4) shape[0].value = 1;
      if (shape.size() == 4) {
        const bool channels_last = shape[3].value == 3 && shape[1].value != 3;
        Dim& h = shape[channels_last ? 1 : 2];
        Dim& w = shape[channels_last ? 2 : 3];
        if (!h.known() && height) h.value = *height;
        if (!w.known() && width) w.value = *width;
      }
    }
    const auto concrete = type.concrete();
    if (!concrete)
      return invalid_argument("the input \"{}\" is {}: its size is not known", value.name, to_string(value.type))
          .with_fix(fmt::format("give --shape {}={}", value.name, example_shape(value.type)));
    types.push_back(*concrete);
  }
  return types;
}

}  // namespace

Result<Inspection> inspect(const std::filesystem::path& path, const InputShapes& shapes) {
  Inspection result;
  result.path = path;
  auto graph = std::make_shared<Graph>(FOVEA_TRY(onnx::read_model(path, {.unsupported = &result.unsupported})));
  FOVEA_TRY(set_input_shapes(*graph, shapes));
  std::error_code ignored;
  result.file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, ignored));
  Counter(result).count(*graph);
  result.graph = std::move(graph);
  return result;
}

Result<Work> estimate_work(const Graph& graph, std::optional<int64_t> height, std::optional<int64_t> width) {
  Work work;
  work.inputs = FOVEA_TRY(concrete_inputs(graph, height, width));
  const auto operators = FOVEA_TRY(passes::parse_operators(graph));
  const passes::Specialised specialised = FOVEA_TRY(passes::specialise(graph, work.inputs, operators));
  double products = 0;
  for (NodeId id : specialised.graph.order()) {
    if (id == specialised.stop) break;
    products += multiply_adds(specialised.graph, specialised.graph.node(id));
  }
  work.gmac = products * 1e-9;
  work.complete = specialised.stop == kNoNode;
  return work;
}

Result<PassReport> report_passes(const Graph& original, const std::vector<TensorType>& inputs) {
  PassReport report;
  Graph graph = original;
  report.nodes_before = static_cast<int64_t>(graph.order().size());
  const auto record = [&](std::string name, auto&& work) -> Result<void> {
    const auto before = static_cast<int>(graph.order().size());
    Stopwatch watch;
    FOVEA_TRY(work());
    passes::PassRecord one;
    one.name = std::move(name);
    one.applied = before - static_cast<int>(graph.order().size());
    one.ms = watch.ms();
    report.records.push_back(std::move(one));
    return {};
  };
  FOVEA_TRY(record("fold_constants", [&] { return passes::fold_constants(graph, passes::NarrowWeights::kept); }));
  FOVEA_TRY(passes::run_pipeline(graph, passes::Stage::once, &report.records));
  FOVEA_TRY(record("fold_wide_weights", [&] { return passes::fold_constants(graph); }));
  FOVEA_TRY(record("specialise", [&]() -> Result<void> {
    const auto operators = FOVEA_TRY(passes::parse_operators(graph));
    graph = FOVEA_TRY(passes::specialise(graph, inputs, operators)).graph;
    return {};
  }));
  FOVEA_TRY(passes::run_pipeline(graph, passes::Stage::shapes_known, &report.records));
  report.nodes_after = static_cast<int64_t>(graph.order().size());
  return report;
}

}  // namespace fovea::pipeline
