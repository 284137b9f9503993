#include "passes/specialise.h"

#include <algorithm>

#include "base/error.h"
#include "graph/inline.h"
#include "graph/verify.h"
#include "ops/control_flow.h"
#include "ops/evaluate.h"
#include "passes/quantised.h"

namespace fovea::passes {
namespace {

/// Folding these would repeat one random draw for ever.
bool is_random(const Node& node) {
  return node.op_type.starts_with("Random") || node.is("Bernoulli") || node.is("Multinomial");
}

/// Operators that read the shape of their input, never its elements.
bool reads_only_shape(const Node& node) { return node.is("Shape") || node.is("Size"); }

std::shared_ptr<const Graph> subgraph_of(const Attribute& attribute) {
  const auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute);
  return graph == nullptr ? nullptr : *graph;
}

Result<void> check_subgraphs(const Graph& graph, int depth) {
  if (depth > kMaxSubgraphDepth) return unsupported("subgraphs are nested deeper than {}", kMaxSubgraphDepth);
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (depth > 0 && !ops::is_control_flow(node)) FOVEA_TRY_AT(node.label(graph), ops::parse_operator(node));
    for (const auto& [key, attribute] : node.attributes)
      if (const auto inner = subgraph_of(attribute))
        FOVEA_TRY_AT(node.label(graph), check_subgraphs(*inner, depth + 1));
  }
  return {};
}

class Specialiser {
 public:
  /// `keeps_narrow`: weights of fewer bits are left for narrow_weights.
  Specialiser(Graph graph, const Operators& parsed, bool keeps_narrow = false)
      : parsed_(parsed), graph_(std::move(graph)), keeps_narrow_(keeps_narrow) {
    int64_t weights = 0;
    for (size_t id = 0; id < graph_.value_slots(); ++id)
      if (const Tensor* t = graph_.constant(static_cast<ValueId>(id))) weights += static_cast<int64_t>(t->bytes());
    budget_ = std::max(8 * kFoldBytes, 2 * weights);
  }

  Graph& graph() { return graph_; }
  Specialised finish(NodeId stop) && { return {std::move(graph_), std::move(operators_), stop}; }

  enum class Outcome { kept, removed, stops };

  Result<Outcome> visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (ops::is_control_flow(node)) return control_flow(id);
    const auto op = FOVEA_TRY(operator_of(id));
    std::vector<ops::Inputs::Input> known(node.inputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (v == kNoValue) continue;
      auto type = graph_.value(v).type.concrete();
      if (!type) return invalid_model("input \"{}\" has no value", graph_.value(v).name);
      known[i] = {std::move(*type), graph_.constant(v), true};
    }
    auto types = op->infer(ops::Inputs(known, node.outputs.size()));
    if (!types.ok() && types.error().code == ErrorCode::needs_value) {
      operators_[id] = op;
      return Outcome::stops;
    }
    if (!types.ok()) return std::move(types).error();
    if (types->size() < node.outputs.size())
      return internal("the shape rule gave {} of {} outputs", types->size(), node.outputs.size());
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      FOVEA_TRY(checked_bytes((*types)[i].dtype, (*types)[i].shape));
      if (node.outputs[i] != kNoValue) graph_.set_type(node.outputs[i], ValueType::of((*types)[i]));
    }
    if (reads_only_shape(node) || can_fold(node, known, *types)) {
      FOVEA_TRY(fold(id, *op, known, *types));
      return Outcome::removed;
    }
    operators_[id] = op;
    return Outcome::kept;
  }

 private:
  Result<std::shared_ptr<const ops::Operator>> operator_of(NodeId id) const {
    if (const auto it = parsed_.find(id); it != parsed_.end()) return it->second;
    return std::shared_ptr<const ops::Operator>(FOVEA_TRY(ops::parse_operator(graph_.node(id))));
  }

  bool can_fold(const Node& node, std::span<const ops::Inputs::Input> inputs, const ops::Types& types) const {
    if (is_random(node) || weighs_bytes(graph_, node) || (keeps_narrow_ && widens_weight(graph_, node))) return false;
    int64_t in_bytes = 0, out_bytes = 0;
    for (const auto& input : inputs) {
      if (!input.present) continue;
      if (input.value == nullptr) return false;
      in_bytes += static_cast<int64_t>(input.value->bytes());
    }
    for (const TensorType& type : types) out_bytes += checked_bytes(type.dtype, type.shape).value();
    return out_bytes <= std::max(kFoldBytes, 2 * in_bytes) && out_bytes <= budget_;
  }

  Result<void> fold(NodeId id, const ops::Operator& op, std::span<const ops::Inputs::Input> inputs,
                    const ops::Types& types) {
    const Node& node = graph_.node(id);
    std::vector<TensorView> args(inputs.size());
    std::vector<Tensor> results;
    std::vector<MutableView> outs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].present)
        args[i] = {inputs[i].type.dtype, inputs[i].type.shape, inputs[i].value ? inputs[i].value->raw() : nullptr};
    for (size_t i = 0; i < node.outputs.size(); ++i)
      results.push_back(FOVEA_TRY(Tensor::allocate(types[i].dtype, types[i].shape)));
    for (size_t i = 0; i < node.outputs.size(); ++i)
      outs.push_back(node.outputs[i] == kNoValue ? MutableView{} : results[i].mutable_view());
    FOVEA_TRY(op.compute(args, outs));
    std::vector<ValueId> used = node.inputs;
    const std::vector<ValueId> outputs = node.outputs;
    graph_.remove_node(id);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] != kNoValue) set_folded(outputs[i], std::move(results[i]));
    for (ValueId v : used) release(v);
    return {};
  }

  void set_folded(ValueId v, Tensor tensor) {
    if (graph_.users(v).empty() && !graph_.is_output(v)) return;
    budget_ -= static_cast<int64_t>(tensor.bytes());
    graph_.set_constant(v, std::move(tensor));
  }

  /// A constant that nobody uses any more gives its memory back.
  void release(ValueId v) {
    if (graph_.constant(v) == nullptr || !graph_.users(v).empty() || graph_.is_output(v)) return;
    if (std::ranges::find(graph_.inputs, v) != graph_.inputs.end()) return;
    budget_ += static_cast<int64_t>(graph_.constant(v)->bytes());
    graph_.clear_constant(v);
  }

  Result<Outcome> control_flow(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.is("If") && node.inputs.size() == 1)
      if (const Tensor* condition = graph_.constant(node.inputs[0]))
        if (condition->dtype() == DType::boolean && condition->size() == 1) {
          FOVEA_TRY(inline_branch(id, condition->data<bool>()[0] ? "then_branch" : "else_branch"));
          return Outcome::removed;
        }
    std::vector<const Tensor*> args;
    std::vector<Tensor> captured;
    for (ValueId v : node.inputs) {
      args.push_back(graph_.constant(v));
      if (v != kNoValue && args.back() == nullptr) return Outcome::stops;
    }
    for (ValueId v : node.captures) {
      if (graph_.constant(v) == nullptr) return Outcome::stops;
      captured.push_back(*graph_.constant(v));
    }
    auto evaluated = ops::evaluate_control_flow(node, args, captured, &evaluation_);
    if (!evaluated.ok() && evaluation_.exceeded()) return Outcome::stops;  // too long for now: it is run
    std::vector<Tensor> results = FOVEA_TRY(std::move(evaluated));
    const std::vector<ValueId> outputs = node.outputs;
    if (results.size() < outputs.size()) return internal("{} of {} outputs", results.size(), outputs.size());
    graph_.remove_node(id);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] != kNoValue) set_folded(outputs[i], std::move(results[i]));
    return Outcome::removed;
  }

  Result<void> inline_branch(NodeId id, std::string_view name) {
    const Node& node = graph_.node(id);
    const auto* attribute = node.attribute<std::shared_ptr<Graph>>(name);
    if (attribute == nullptr || *attribute == nullptr) return invalid_model("attribute \"{}\" is missing", name);
    const std::shared_ptr<const Graph> branch = *attribute;
    const std::vector<ValueId> outer = node.captures, outputs = node.outputs;
    if (branch->outputs.size() < outputs.size())
      return invalid_model("\"{}\" gives {} of {} outputs", name, branch->outputs.size(), outputs.size());
    if (!branch->inputs.empty()) return invalid_model("\"{}\" has inputs, but a branch takes none", name);
    const std::vector<ValueId> results = inline_subgraph(graph_, id, *branch, {}, outer);
    graph_.remove_node(id);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i] != kNoValue) graph_.replace_uses(outputs[i], results[i]);
    return {};
  }

  const Operators& parsed_;
  Graph graph_;
  bool keeps_narrow_;
  Operators operators_;
  int64_t budget_ = 0;  // bytes that folding may still add
  ops::Budget evaluation_{kFoldedValues, 4 * kFoldBytes};
};

}  // namespace

Result<Operators> parse_operators(const Graph& graph) {
  Operators operators;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (!ops::is_control_flow(node)) operators[id] = FOVEA_TRY_AT(node.label(graph), ops::parse_operator(node));
  }
  FOVEA_TRY(check_subgraphs(graph, 0));
  return operators;
}

std::vector<ValueId> fed_inputs(const Graph& graph) {
  std::vector<ValueId> fed;
  for (ValueId v : graph.inputs)
    if (graph.constant(v) == nullptr) fed.push_back(v);
  return fed;
}

Result<Specialised> specialise(const Graph& graph, std::span<const TensorType> inputs, const Operators& parsed) {
  Specialiser walk(graph, parsed);
  const std::vector<ValueId> fed = fed_inputs(graph);
  if (inputs.size() != fed.size()) return internal("{} types for {} inputs", inputs.size(), fed.size());
  for (size_t i = 0; i < fed.size(); ++i) walk.graph().set_type(fed[i], ValueType::of(inputs[i]));
  for (size_t position = 0; position < walk.graph().order().size();) {
    const NodeId id = walk.graph().order()[position];
    const std::string label = walk.graph().node(id).label(walk.graph());
    const auto outcome = FOVEA_TRY_AT(label, walk.visit(id));
    if (outcome == Specialiser::Outcome::stops) return std::move(walk).finish(id);
    if (outcome == Specialiser::Outcome::kept) ++position;
  }
  return std::move(walk).finish(kNoNode);
}

Result<void> fold_constants(Graph& graph, NarrowWeights weights) {
  const Operators none;
  Specialiser walk(graph, none, weights == NarrowWeights::kept);
  for (size_t position = 0; position < walk.graph().order().size();) {
    const NodeId id = walk.graph().order()[position];
    const Node& node = walk.graph().node(id);
    const auto known = [&](ValueId v) { return v == kNoValue || walk.graph().constant(v) != nullptr; };
    const bool foldable = std::ranges::all_of(node.inputs, known) && std::ranges::all_of(node.captures, known);
    const auto outcome = foldable ? walk.visit(id) : Result(Specialiser::Outcome::kept);
    if (!outcome.ok() || *outcome != Specialiser::Outcome::removed) ++position;
  }
  graph = std::move(walk).finish(kNoNode).graph;
  return {};
}

}  // namespace fovea::passes
