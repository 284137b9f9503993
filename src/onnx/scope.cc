#include "onnx/scope.h"

#include "base/error.h"

namespace fovea::onnx {

ValueId Level::import(const Level* from, ValueId id) {
  if (from == this || id == kNoValue) return id;
  const ValueId around = outer->import(from, id);
  const auto [place, is_new] = imported.try_emplace(around, kNoValue);
  if (is_new) {
    const Value& value = outer->graph->value(around);
    place->second = graph->add_value(value.name, value.type);
    graph->captures.push_back({captures->place_of(around), place->second});
  }
  return place->second;
}

Result<ValueId> Scope::find(const std::string& name) const {
  if (name.empty()) return kNoValue;
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
    if (const auto it = scope->names.find(name); it != scope->names.end())
      return level->import(scope->level, it->second);
    if (const auto it = scope->unusable.find(name); it != scope->unusable.end())
      return unsupported("\"{}\" is {}", name, it->second);
  }
  return invalid_model("value \"{}\" does not exist", name);
}

std::string label(const Scope& scope, const wire::Node& node) {
  const std::string_view domain = short_domain(node.domain());
  const std::string type = domain.empty() ? node.op_type() : fmt::format("{}.{}", domain, node.op_type());
  if (!node.name().empty()) return fmt::format("{} \"{}{}\"", type, scope.prefix, node.name());
  for (const std::string& output : node.output())
    if (!output.empty()) return fmt::format("{} making \"{}{}\"", type, scope.prefix, output);
  return type;
}

}  // namespace fovea::onnx
