#include "passes/pattern.h"

#include <cmath>

namespace fovea::passes {

struct Pattern::Term {
  enum class Kind { any, any_constant, number, op } kind = Kind::any;
  float number = 0;
  std::string type;
  std::vector<Pattern> operands;
  bool commutes = false;
};

Pattern::Pattern(float number) {
  auto term = std::make_shared<Term>();
  term->kind = Term::Kind::number;
  term->number = number;
  term_ = std::move(term);
}

Pattern any() { return Pattern(std::make_shared<Pattern::Term>()); }

Pattern any_constant() {
  auto term = std::make_shared<Pattern::Term>();
  term->kind = Pattern::Term::Kind::any_constant;
  return Pattern(std::shared_ptr<const Pattern::Term>(std::move(term)));
}

Pattern op(std::string_view type, std::vector<Pattern> operands) {
  auto term = std::make_shared<Pattern::Term>();
  term->kind = Pattern::Term::Kind::op;
  term->type = type;
  term->operands = std::move(operands);
  term->commutes = type == "Add" || type == "Mul";
  return Pattern(std::shared_ptr<const Pattern::Term>(std::move(term)));
}

std::optional<float> number(const Graph& graph, ValueId value) {
  const Tensor* t = graph.constant(value);
  if (t == nullptr || t->size() != 1) return std::nullopt;
  switch (t->dtype()) {
    case DType::f32: return t->data<float>()[0];
    case DType::f64: return static_cast<float>(t->data<double>()[0]);
    case DType::f16: return static_cast<float>(t->data<f16>()[0]);
    case DType::bf16: return static_cast<float>(t->data<bf16>()[0]);
    default: return std::nullopt;
  }
}

bool used_once(const Graph& graph, ValueId value) { return graph.users(value).size() == 1 && !graph.is_output(value); }

/// Tries the terms depth first; what a failed attempt bound is forgotten with the copy that it was bound in.
class Matcher {
 public:
  explicit Matcher(const Graph& graph) : graph_(graph) {}

  bool match_node(const Pattern::Term& term, NodeId id, Match& match) const {
    const Node& node = graph_.node(id);
    if (!node.is(term.type) || node.inputs.size() < term.operands.size()) return false;
    match.nodes_[&term] = id;
    if (term.commutes && term.operands.size() == 2) {
      for (const bool swapped : {false, true}) {
        Match attempt = match;
        if (match_value(*term.operands[0].term(), node.inputs[swapped ? 1 : 0], attempt) &&
            match_value(*term.operands[1].term(), node.inputs[swapped ? 0 : 1], attempt)) {
          match = std::move(attempt);
          return true;
        }
      }
      return false;
    }
    for (size_t i = 0; i < term.operands.size(); ++i)
      if (!match_value(*term.operands[i].term(), node.inputs[i], match)) return false;
    return true;
  }

  /// Whether a value between the nodes of the match is used outside of it.
  bool shares(const Match& match, NodeId last) const {
    for (const auto& [term, id] : match.nodes_) {
      if (id == last) continue;
      const ValueId value = graph_.node(id).outputs[0];
      if (graph_.is_output(value)) return true;
      for (NodeId user : graph_.users(value)) {
        bool inside = false;
        for (const auto& [other, other_id] : match.nodes_) inside = inside || other_id == user;
        if (!inside) return true;
      }
    }
    return false;
  }

 private:
  bool match_value(const Pattern::Term& term, ValueId value, Match& match) const {
    using Kind = Pattern::Term::Kind;
    if (value == kNoValue) return false;
    if (term.kind == Kind::number) {
      const auto n = number(graph_, value);
      return n && std::fabs(*n - term.number) <= 1e-3f * std::fabs(term.number);
    }
    if (term.kind == Kind::op) {
      const NodeId producer = graph_.value(value).producer;
      if (producer == kNoNode || graph_.node(producer).outputs[0] != value) return false;
      return match_node(term, producer, match);
    }
    if (term.kind == Kind::any_constant && graph_.constant(value) == nullptr) return false;
    const auto [bound, is_new] = match.values_.emplace(&term, value);
    return is_new || bound->second == value;
  }

  const Graph& graph_;
};

std::optional<Match> find(const Graph& graph, NodeId node, const Pattern& pattern, bool* shared) {
  const Matcher matcher(graph);
  Match match;
  if (!matcher.match_node(*pattern.term(), node, match)) return std::nullopt;
  if (shared != nullptr) *shared = matcher.shares(match, node);
  return match;
}

}  // namespace fovea::passes
