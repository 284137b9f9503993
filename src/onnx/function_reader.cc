// The part of GraphReader that inlines the model's functions.
#include <climits>

#include "base/error.h"
#include "onnx/graph_reader.h"
#include "onnx/read_attribute.h"

namespace fovea::onnx {
namespace {

constexpr size_t kMaxPrefix = 256;

std::string name_of(const wire::Function& function) {
  return function.domain().empty() ? function.name() : function.domain() + "." + function.name();
}

}  // namespace

template <class Imports>
Result<Opsets> read_opsets(const Imports& imports) {
  Opsets opsets;
  for (const wire::OperatorSet& import : imports) {
    if (import.version() < 1 || import.version() > INT_MAX)
      return invalid_model("version {} of operator set \"{}\"", import.version(), import.domain());
    const auto [place, is_new] = opsets.emplace(short_domain(import.domain()), static_cast<int>(import.version()));
    if (!is_new && place->second != import.version())
      return invalid_model("operator set \"{}\" is imported as {} and as {}", import.domain(), place->second,
                           import.version());
  }
  return opsets;
}
template Result<Opsets> read_opsets(const google::protobuf::RepeatedPtrField<wire::OperatorSet>&);

Result<void> GraphReader::index_functions() {
  for (const wire::Function& function : model_.functions()) {
    const std::string place = fmt::format("function {}", name_of(function));
    const FunctionKey key(short_domain(function.domain()), function.name(), function.overload());
    if (function.name().empty()) return invalid_model("a function has no name");
    if (!functions_.emplace(key, &function).second) return invalid_model("it is defined twice").at(place);
    if (function.attribute_proto_size() > kMaxAttributes)
      return invalid_model("it has {} attributes", function.attribute_proto_size()).at(place);
    function_opsets_[&function] = FOVEA_TRY_AT(place, read_opsets(function.opset_import()));
  }
  return {};
}

const wire::Function* GraphReader::function_for(const wire::Node& node) const {
  if (functions_.empty()) return nullptr;
  const auto it = functions_.find(FunctionKey(short_domain(node.domain()), node.op_type(), node.overload()));
  return it == functions_.end() ? nullptr : it->second;
}

std::string GraphReader::call_prefix(const Scope& caller, const wire::Node& node) {
  std::string prefix = caller.prefix + (node.name().empty() ? node.op_type() : node.name());
  if (prefix.size() > kMaxPrefix) prefix = "call";  // names of nested calls would grow without bound
  const int calls = ++prefixes_[prefix];
  return calls == 1 ? prefix + "/" : fmt::format("{}.{}/", prefix, calls);
}

Result<void> GraphReader::inline_call(const wire::Function& function, const wire::Node& node, Scope& caller) {
  const Call call{&function, &node, &caller};
  if (call.depth() > kMaxCallDepth) return invalid_model("functions call each other deeper than {}", kMaxCallDepth);
  for (const Call* c = call.outer(); c != nullptr; c = c->outer())
    if (c->function == &function) return invalid_model("function {} calls itself", name_of(function));
  if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
    return invalid_model("{} inputs and {} outputs, but function {} has {} and {}", node.input_size(),
                         node.output_size(), name_of(function), function.input_size(), function.output_size());

  Scope scope{.level = caller.level,
              .call = &call,
              .opsets = &function_opsets_.at(&function),
              .prefix = call_prefix(caller, node)};
  for (int i = 0; i < function.input_size(); ++i) {
    const ValueId actual = i < node.input_size() ? FOVEA_TRY(find_or_note(caller, node.input(i), node)) : kNoValue;
    inlined_bytes_ += function.input(i).size();
    if (function.input(i).empty() || !scope.names.emplace(function.input(i), actual).second)
      return invalid_model("function {} has two inputs \"{}\"", name_of(function), function.input(i));
  }
  const auto wanted = [&](int i) {
    return i < node.output_size() && !node.output(i).empty() ? caller.names.at(node.output(i)) : kNoValue;
  };
  for (int i = 0; i < function.output_size(); ++i)
    if (wanted(i) != kNoValue) scope.results.emplace(function.output(i), wanted(i));

  FOVEA_TRY(declare_outputs(function.node(), scope));
  FOVEA_TRY(read_nodes(function.node(), scope));

  for (int i = 0; i < function.output_size(); ++i) {
    const ValueId target = wanted(i);
    if (target == kNoValue) continue;
    const auto made = scope.names.find(function.output(i));
    if (made == scope.names.end() || made->second == kNoValue)
      return invalid_model("function {} makes no value \"{}\"", name_of(function), function.output(i));
    if (made->second == target) continue;
    // An input handed through, or one value that is two outputs.
    Node identity;
    identity.op_type = "Identity";
    identity.opset = FOVEA_TRY(opset_of(scope, ""));
    identity.inputs = {made->second};
    identity.outputs = {target};
    caller.level->graph->add_node(std::move(identity));
  }
  return {};
}

Result<GraphReader::Written> GraphReader::resolve(const wire::Attribute& attribute, const Scope& scope) {
  Written written{&attribute, &scope};
  while (!written.attribute->ref_attr_name().empty()) {
    const std::string& name = written.attribute->ref_attr_name();
    const Call* call = written.scope->call;
    if (call == nullptr) return invalid_model("it refers to attribute \"{}\", but stands in no function", name);
    const auto named = [&](const wire::Attribute& a) { return a.name() == name; };
    const auto& given = call->node->attribute();
    const auto& defaults = call->function->attribute_proto();
    if (const auto it = std::find_if(given.begin(), given.end(), named); it != given.end()) {
      written = {&*it, call->caller};  // one call further out each time, so this ends
      continue;
    }
    const auto it = std::find_if(defaults.begin(), defaults.end(), named);
    if (it == defaults.end()) return Written{};
    if (!it->ref_attr_name().empty() || kind_of(*it) == AttributeKind::graph)
      return invalid_model("the default of function attribute \"{}\" must be a plain value", name);
    return Written{&*it, &scope};
  }
  return written;
}

}  // namespace fovea::onnx
