#include "onnx/graph_reader.h"

#include "base/error.h"
#include "onnx/types.h"

namespace fovea::onnx {

GraphReader::GraphReader(const wire::Model& model, TensorSource source) : model_(model), source_(std::move(source)) {}

Result<void> GraphReader::note(Error error, const std::string& node) {
  if (error.code != ErrorCode::unsupported) return error;
  if (!node.empty()) error = std::move(error).at(node);
  if (unsupported_.size() < kMaxNotes) unsupported_.push_back(std::move(error));
  return {};
}

Result<ValueId> GraphReader::find_or_note(const Scope& scope, const std::string& name, const wire::Node& user) {
  Result<ValueId> id = scope.find(name);
  if (id || id.error().code != ErrorCode::unsupported) return id;
  FOVEA_TRY(note(std::move(id).error(), label(scope, user)));
  return kNoValue;
}

Result<Graph> GraphReader::read() {
  // Models older than opset imports (IR version 1 and 2) are of opset 1.
  opsets_ = FOVEA_TRY(read_opsets(model_.opset_import()));
  if (model_.opset_import().empty()) opsets_[""] = 1;
  FOVEA_TRY(index_functions());
  Graph graph;
  Level level{.graph = &graph};
  Scope scope{.level = &level, .opsets = &opsets_};
  FOVEA_TRY(read_graph(model_.graph(), scope));
  for (const wire::Entry& entry : model_.metadata_props()) graph.metadata[entry.key()] = entry.value();
  return graph;
}

Result<void> GraphReader::read_graph(const wire::Graph& proto, Scope& scope) {
  scope.level->graph->name = proto.name();
  FOVEA_TRY(read_inputs(proto, scope));
  FOVEA_TRY(read_initializers(proto, scope));
  FOVEA_TRY(declare_outputs(proto.node(), scope));
  FOVEA_TRY(read_value_infos(proto, scope));
  FOVEA_TRY(read_nodes(proto.node(), scope));
  FOVEA_TRY(read_outputs(proto, scope));
  return scope.level->graph->sort();
}

Result<void> GraphReader::read_inputs(const wire::Graph& proto, Scope& scope) {
  Graph& graph = *scope.level->graph;
  for (const wire::ValueInfo& info : proto.input()) {
    if (info.name().empty()) return invalid_model("input {} has no name", graph.inputs.size());
    if (scope.names.contains(info.name())) return invalid_model("input \"{}\" is listed twice", info.name());
    auto type = read_type(info);
    if (!type) FOVEA_TRY(note(std::move(type).error().at(fmt::format("input \"{}\"", info.name()))));
    const ValueId id = graph.add_value(info.name(), type ? *type : ValueType{});
    scope.names.emplace(info.name(), id);
    graph.inputs.push_back(id);
  }
  return {};
}

Result<void> GraphReader::read_initializers(const wire::Graph& proto, Scope& scope) {
  Graph& graph = *scope.level->graph;
  for (const wire::Tensor& tensor : proto.initializer()) {
    const std::string& name = tensor.name();
    const std::string place = fmt::format("initializer \"{}\"", name);
    if (name.empty()) return invalid_model("an initializer has no name");
    const auto input = scope.names.find(name);
    const bool is_input = input != scope.names.end();
    if (scope.unusable.contains(name) || (is_input && graph.constant(input->second) != nullptr))
      return invalid_model("initializer \"{}\" is there twice", name);
    Result<Tensor> value = to_tensor(tensor, source_);
    if (!value && value.error().code != ErrorCode::unsupported) return std::move(value).error().at(place);
    if (!value && is_input) {
      FOVEA_TRY(note(std::move(value).error().at(place)));
    } else if (!value) {
      scope.unusable.emplace(name, value.error().message);
      if (has_4_bits(tensor)) scope.four_bits.emplace(name, FourBits{&tensor});
    } else if (!is_input) {
      scope.names.emplace(name, graph.add_constant(name, *std::move(value)));
    } else {
      const ValueType& declared = graph.value(input->second).type;
      if (!accepts(declared, value->type()))
        return invalid_model("it is {}, but declared as {}", to_string(value->type()), to_string(declared)).at(place);
      graph.set_constant(input->second, *std::move(value));
    }
  }
  for (const wire::SparseTensor& sparse : proto.sparse_initializer())
    scope.unusable.emplace(sparse.values().name(), "a sparse tensor, which fovea lacks");
  // Before IR version 4 every initializer had to be listed as an input too; nobody meant to feed it.
  if (model_.ir_version() < 4) std::erase_if(graph.inputs, [&](ValueId id) { return graph.constant(id) != nullptr; });
  return {};
}

Result<void> GraphReader::read_value_infos(const wire::Graph& proto, Scope& scope) {
  Graph& graph = *scope.level->graph;
  for (const auto* infos : {&proto.value_info(), &proto.output()}) {
    for (const wire::ValueInfo& info : *infos) {
      const auto name = scope.names.find(info.name());
      if (name == scope.names.end() || graph.value(name->second).type.dtype) continue;
      auto type = read_type(info);
      if (type) graph.set_type(name->second, *std::move(type));
      // The node that makes a value of a kind that fovea lacks is refused itself, with more to say.
      else if (type.error().code != ErrorCode::unsupported)
        return std::move(type).error();
    }
  }
  return {};
}

Result<void> GraphReader::read_outputs(const wire::Graph& proto, Scope& scope) {
  Graph& graph = *scope.level->graph;
  for (const wire::ValueInfo& info : proto.output()) {
    const std::string place = fmt::format("output \"{}\"", info.name());
    if (info.name().empty()) return invalid_model("output {} has no name", graph.outputs.size());
    Result<ValueId> id = scope.find(info.name());
    if (!id) {
      FOVEA_TRY(note(std::move(id).error().at(place)));
      // A constant in the place of one that fovea lacks, so that `inspect` gets a whole graph.
      id = graph.add_constant(info.name(), Tensor::scalar(0.0f));
    }
    graph.outputs.push_back(*id);
  }
  return {};
}

}  // namespace fovea::onnx
