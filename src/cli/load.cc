#include "cli/load.h"

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

}  // namespace

Result<backends::Source> load_model(const ModelFlags& flags, const pipeline::InputShapes& shapes) {
  auto graph = std::make_shared<Graph>(FOVEA_TRY(blame_model(onnx::read_model(flags.path))));
  FOVEA_TRY(pipeline::set_input_shapes(*graph, shapes));
  return backends::Source{flags.path, std::move(graph)};
}

Result<tasks::Recipe> recipe_of(const backends::Source& source, const tasks::Settings& flags,
                                std::optional<tasks::Settings> config) {
  const tasks::ModelFacts facts = FOVEA_TRY_AT(source.path.string(), tasks::examine(*source.graph));
  const auto sources =
      FOVEA_TRY(blame_model(tasks::find_sources(source.path, source.graph->metadata, std::move(config))));
  return tasks::resolve_recipe(flags, sources, facts);
}

}  // namespace fovea::cli
