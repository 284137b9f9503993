#include "bench/model_case.h"

#include <algorithm>
#include <random>

#include "backends/native/native.h"
#include "base/error.h"
#include "passes/specialise.h"
#include "pipeline/inspect.h"
#include "pipeline/random_tensor.h"
#include "tasks/npy.h"

namespace fovea::bench {
namespace {

/// The input's type with numbers everywhere.
Result<TensorType> settle(const Value& input, const pipeline::InputShapes& shapes, std::optional<int64_t> batch) {
  ValueType type = input.type;
  const bool open = type.shape && !type.shape->empty() && !type.shape->front().known();
  if (const auto given = shapes.find(input.name); given != shapes.end()) {
    Shape shape = given->second;
    if (open && batch && !shape.empty()) shape.front() = *batch;
    const TensorType wanted{type.dtype.value_or(DType::f32), std::move(shape)};
    if (!accepts(type, wanted))
      return invalid_argument("--shape {}={}, but the model's input is {}", input.name, to_string(given->second),
                              to_string(type))
          .with_fix("give only what the model leaves open");
    return wanted;
  }
  if (open) type.shape->front().value = batch.value_or(1);
  const auto concrete = type.concrete();
  if (!concrete)
    return invalid_argument("the input \"{}\" is {}: its size is not known", input.name, to_string(input.type))
        .with_fix(fmt::format("give --shape {}=1x3x224x224", input.name));
  return *concrete;
}

Result<void> check_batch(const ModelCase& model, std::optional<int64_t> batch) {
  if (!batch || model.batch == *batch) return {};
  return invalid_argument("the model's batch is {}, not {}", model.batch, *batch)
      .at(model.path.string())
      .with_fix("leave --batch out, or export the model with a dynamic batch");
}

Result<void> examine_onnx(ModelCase& model, const pipeline::InputShapes& shapes, std::optional<int64_t> batch) {
  const pipeline::Inspection inspection = FOVEA_TRY(pipeline::inspect(model.path, {}));
  Graph graph = *inspection.graph;
  for (const auto& [name, shape] : shapes)
    if (const auto id = graph.find_value(name); !id || std::ranges::find(graph.inputs, *id) == graph.inputs.end())
      return invalid_argument("the model has no input \"{}\"", name).with_fix("fovea inspect lists its inputs");
  for (ValueId id : passes::fed_inputs(graph)) {
    const TensorType type = FOVEA_TRY(settle(graph.value(id), shapes, batch));
    graph.set_type(id, ValueType::of(type));
    model.inputs.emplace_back(graph.value(id).name, type);
  }
  const auto bytes = static_cast<double>(inspection.file_bytes);
  model.weight_bytes = static_cast<double>(inspection.weight_bytes);
  // Weights beyond the file's own size lie in files beside it.
  model.disk_mb = 1e-6 * (model.weight_bytes > bytes ? bytes + model.weight_bytes : bytes);
  for (const char* type : {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger"})
    model.quantized |= inspection.operators.contains(type);
  const auto work = pipeline::estimate_work(graph, std::nullopt, std::nullopt);
  if (!work.ok())
    model.notes.push_back(fmt::format("{}: its multiply-adds are not known: {}", model.name, work.error().message));
  else
    model.gmac = work->gmac;
  if (work.ok() && !work->complete)
    model.notes.push_back(fmt::format("{}: sizes depend on data; what comes behind is not in its GMAC", model.name));
  return {};
}

/// The inputs that its first plan is for, or the one of this batch.
Result<void> examine_engine_file(ModelCase& model, const pipeline::InputShapes& shapes, std::optional<int64_t> batch) {
  const auto facts = FOVEA_TRY(backends::read_engine_file(model.path));
  model.disk_mb = 1e-6 * static_cast<double>(facts.file.bytes);
  if (!facts.model) return invalid_model("{}", facts.unfit).at(model.path.string());
  const std::vector<ValueId> fed = passes::fed_inputs(*facts.model);
  const auto fits = [&](const cpu::Engine::PlanSummary& plan) {
    bool good = plan.inputs.size() == fed.size();
    for (size_t i = 0; good && i < fed.size(); ++i) {
      const Shape& shape = plan.inputs[i].shape;
      const auto wanted = shapes.find(facts.model->value(fed[i]).name);
      good = (wanted == shapes.end() || wanted->second == shape) && (!batch || shape.empty() || shape[0] == *batch);
    }
    return good;
  };
  const auto plan = std::ranges::find_if(facts.file.plans, fits);
  if (plan == facts.file.plans.end())
    return invalid_argument("the engine file has no plan for inputs of this size")
        .at(model.path.string())
        .with_fix("fovea inspect lists its plans");
  model.weight_bytes = static_cast<double>(plan->packed_bytes);
  for (size_t i = 0; i < fed.size(); ++i) model.inputs.emplace_back(facts.model->value(fed[i]).name, plan->inputs[i]);
  return {};
}

}  // namespace

Result<ModelCase> examine_case(const std::filesystem::path& path, const pipeline::InputShapes& shapes,
                               std::optional<int64_t> batch) {
  std::error_code failed;
  ModelCase model;
  model.path = std::filesystem::absolute(path, failed);
  model.name = path.stem().string();
  if (path.extension() == ".onnx") {
    FOVEA_TRY_AT(path.string(), examine_onnx(model, shapes, batch));
  } else if (cpu::is_engine_file(path)) {
    FOVEA_TRY(examine_engine_file(model, shapes, batch));
  } else {
    const auto bytes = std::filesystem::file_size(path, failed);
    if (failed) return not_found("{}", failed.message()).at(path.string());
    model.disk_mb = 1e-6 * static_cast<double>(bytes);
    for (const auto& [name, shape] : shapes) {
      model.inputs.emplace_back(name, TensorType{DType::f32, shape});
      if (batch && !shape.empty()) model.inputs.back().second.shape.front() = *batch;
    }
    if (shapes.empty())
      return invalid_argument("of this file fovea knows no inputs")
          .at(path.string())
          .with_fix("give --shape NAME=1x3x224x224, or the .onnx file with this one beside it");
  }
  model.batch = model.inputs.empty() || model.inputs.front().second.shape.empty()
                    ? 1
                    : std::max<int64_t>(1, model.inputs.front().second.shape.front());
  FOVEA_TRY(check_batch(model, batch));
  return model;
}

Result<std::vector<NamedFile>> write_inputs(const ModelCase& model, const std::filesystem::path& folder) {
  std::mt19937_64 generator(0);
  std::vector<NamedFile> files;
  for (size_t i = 0; i < model.inputs.size(); ++i) {
    const auto& [name, type] = model.inputs[i];
    const Tensor tensor = FOVEA_TRY(pipeline::random_tensor(type, generator));
    const std::filesystem::path file = folder / fmt::format("input{}.npy", i);
    FOVEA_TRY(tasks::write_npy(file, tensor));
    files.push_back({name, file.string()});
  }
  return files;
}

}  // namespace fovea::bench
