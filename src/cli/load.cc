#include "cli/load.h"

#include "backends/registry.h"
#include "base/error.h"
#include "onnx/read.h"
#include "tasks/read_recipe.h"

namespace fovea::cli {
namespace {

/// The codes that mean wrong usage belong to flags: a fault of the model's file gets another one.
template <class T>
Result<T> blame_model(Result<T> result) {
  if (result.ok() || result.error().code != ErrorCode::invalid_argument) return result;
  Error error = std::move(result).error();
  error.code = ErrorCode::invalid_model;
  return error;
}

/// What an engine says of its inputs and outputs, as a graph.
std::shared_ptr<const Graph> ports_of(const backends::Engine& engine) {
  auto graph = std::make_shared<Graph>();
  for (const backends::Port& port : engine.inputs()) graph->inputs.push_back(graph->add_value(port.name, port.type));
  for (const backends::Port& port : engine.outputs()) graph->outputs.push_back(graph->add_value(port.name, port.type));
  return graph;
}

}  // namespace

Result<backends::Source> load_model(const ModelFlags& flags, const pipeline::InputShapes& shapes) {
  if (!backends::is_onnx(flags.path)) return backends::Source{flags.path, nullptr};
  auto graph = std::make_shared<Graph>(FOVEA_TRY(blame_model(onnx::read_model(flags.path))));
  FOVEA_TRY(pipeline::set_input_shapes(*graph, shapes));
  return backends::Source{flags.path, std::move(graph)};
}

Result<std::shared_ptr<backends::Engine>> compile_model(const ModelFlags& model, const EngineFlags& engine,
                                                        backends::Source& source) {
  const pipeline::InputShapes shapes = FOVEA_TRY(model.input_shapes());
  const CompileOptions options = FOVEA_TRY(engine.compile_options(shapes));
  const backends::Choice choice = FOVEA_TRY(backends::choose(options.backend));
  // The native engine reads the model itself where it may find all in an engine file.
  const bool native = choice.backend->name() == "native";
  if (native && !options.cache.empty())
    source = {model.path, nullptr};
  else
    source = FOVEA_TRY(load_model(model, shapes));
  const bool names_itself = native && !source.graph;  // then errors name the file already
  auto result = backends::compile(source, options);
  if (!result.ok()) return names_itself ? result.error() : Error(result.error()).at(model.path);
  std::shared_ptr<backends::Engine> compiled = std::move(result).value();
  if (auto known = compiled->model()) source.graph = std::move(known);  // of the native engine, without its weights
  if (!source.graph) source.graph = ports_of(*compiled);
  return compiled;
}

Result<tasks::Recipe> recipe_of(const backends::Source& source, const tasks::Settings& flags,
                                std::optional<tasks::Settings> config) {
  const tasks::ModelFacts facts = FOVEA_TRY_AT(source.path.string(), tasks::examine(*source.graph));
  const auto sources =
      FOVEA_TRY(blame_model(tasks::find_sources(source.path, source.graph->metadata, std::move(config))));
  return tasks::resolve_recipe(flags, sources, facts);
}

}  // namespace fovea::cli
