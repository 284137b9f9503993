// Building the baked part of a graph, written like arithmetic: each function makes one node and returns its value. What
// depends on constants alone is computed at once, so that photos of a known size leave no arithmetic in the graph.
#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace fovea::pipeline {

class Builder {
 public:
  using Attributes = std::map<std::string, Attribute, std::less<>>;

  /// Nodes get this opset and names that begin with "fovea/bake/".
  Builder(Graph& graph, int opset) : graph_(graph), opset_(opset) {}

  Graph& graph() { return graph_; }
  /// One node with one output.
  ValueId make(std::string_view type, std::vector<ValueId> inputs, Attributes attributes = {});
  /// One with several.
  std::vector<ValueId> make_many(std::string_view type, std::vector<ValueId> inputs, size_t outputs,
                                 Attributes attributes = {});

  ValueId constant(Tensor tensor);
  ValueId integers(const std::vector<int64_t>& values);  // i64 {n}
  ValueId floats(const std::vector<float>& values, Shape shape);
  ValueId number(float value) { return floats({value}, {1}); }  // f32 {1}
  ValueId integer(int64_t value) { return integers({value}); }  // i64 {1}
  ValueId real(double value);                                   // f64 {1}
  /// The value of a constant i64 {1}; nothing for what only the photo shows.
  std::optional<int64_t> known(ValueId value) const;

  ValueId cast(ValueId x, DType to);
  ValueId add(ValueId a, ValueId b) { return make("Add", {a, b}); }
  ValueId sub(ValueId a, ValueId b) { return make("Sub", {a, b}); }
  ValueId mul(ValueId a, ValueId b) { return make("Mul", {a, b}); }
  ValueId div(ValueId a, ValueId b) { return make("Div", {a, b}); }  // integers: truncated
  ValueId min(ValueId a, ValueId b) { return make("Min", {a, b}); }
  ValueId max(ValueId a, ValueId b) { return make("Max", {a, b}); }
  ValueId less(ValueId a, ValueId b) { return make("Less", {a, b}); }
  ValueId where(ValueId condition, ValueId a, ValueId b) { return make("Where", {condition, a, b}); }
  ValueId concat(std::vector<ValueId> parts) { return make("Concat", std::move(parts), {{"axis", int64_t{0}}}); }
  ValueId transpose(ValueId x, std::vector<int64_t> order) { return make("Transpose", {x}, {{"perm", order}}); }
  /// i64 {n}: begin, begin + 1, ... begin + count - 1, of i64 {1}.
  ValueId range(ValueId begin, ValueId count);

 private:
  Node node(std::string_view type, std::vector<ValueId> inputs, size_t outputs, Attributes attributes);
  bool fold(const Node& node);

  Graph& graph_;
  int opset_;
};

}  // namespace fovea::pipeline
