// Patterns over expressions, written as the formula that they find:
//
//     const Pattern x = any();
//     const Pattern gelu = x * 0.5f * (1.0f + op("Erf", {x / 1.41421356f}));
//     if (auto match = find(graph, node, gelu)) ... (*match)[x] is the value that stands for x
//
// Sums and products match in either order of operands; a number matches a constant of one element (any shape) that is
// it to within 1e-3 of itself; the same any() matches the same value wherever it stands.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace fovea::passes {

class Pattern {
 public:
  struct Term;
  Pattern(float number);  // implicit: formulas read as formulas
  Pattern(double number) : Pattern(static_cast<float>(number)) {}

  const Term* term() const { return term_.get(); }

 private:
  explicit Pattern(std::shared_ptr<const Term> term) : term_(std::move(term)) {}
  friend Pattern any();
  friend Pattern any_constant();
  friend Pattern op(std::string_view type, std::vector<Pattern> operands);
  std::shared_ptr<const Term> term_;
};

/// Any value.
Pattern any();
/// Any constant.
Pattern any_constant();
/// A node of ONNX's own domain with at least these inputs.
Pattern op(std::string_view type, std::vector<Pattern> operands);

inline Pattern operator+(const Pattern& a, const Pattern& b) { return op("Add", {a, b}); }
inline Pattern operator-(const Pattern& a, const Pattern& b) { return op("Sub", {a, b}); }
inline Pattern operator*(const Pattern& a, const Pattern& b) { return op("Mul", {a, b}); }
inline Pattern operator/(const Pattern& a, const Pattern& b) { return op("Div", {a, b}); }

class Match {
 public:
  /// The value that any() or any_constant() stands for.
  ValueId operator[](const Pattern& p) const { return values_.at(p.term()); }
  /// The node that op() stands for.
  NodeId node(const Pattern& p) const { return nodes_.at(p.term()); }

 private:
  friend class Matcher;
  std::map<const Pattern::Term*, ValueId> values_;
  std::map<const Pattern::Term*, NodeId> nodes_;
};

/// Matches the pattern with its outermost operation at `node`. Values inside the match that something else uses too are
/// no hindrance: the match says so in `shared`, if given.
std::optional<Match> find(const Graph& graph, NodeId node, const Pattern& pattern, bool* shared = nullptr);

/// The one number that a constant of one element holds, as float; nullopt for anything else.
std::optional<float> number(const Graph& graph, ValueId value);

/// Whether `node` is the only user of the value, which is no output of the graph.
bool used_once(const Graph& graph, ValueId value);

}  // namespace fovea::passes
