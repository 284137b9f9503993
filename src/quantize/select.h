// What of a graph becomes int8: which nodes compute with it, and which values are stored so.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace fovea::quantize {

struct SelectOptions {
  bool attention = false;  // products of two activations, too
  /// Nodes that stay in float: patterns with * and ? over their name, their first output's name or their operator.
  std::vector<std::string> exclude = {};
  std::set<std::string> keep_float = {};  // the same by node_key(), exactly
};

/// A node's name, or that of its first output where it has none: what keep_float, reports and messages call it.
std::string node_key(const Graph& graph, NodeId id);

/// A node that computes in int8.
struct IntegerNode {
  NodeId node = kNoNode;
  std::vector<size_t> inputs = {};    // positions of the activations that it takes quantised
  std::vector<ValueId> outputs = {};  // what is stored as int8; behind an activation function that the node takes in
  NodeId activation = kNoNode;        // that function: Relu or Clip
  bool same_scale = false;            // it moves values and computes nothing: inputs and outputs share a scale

  // Of Conv, Gemm and MatMul with constant weights.
  ValueId weight = kNoValue, bias = kNoValue;
  int64_t weight_axis = 0;  // of the output channels
  bool weighted() const { return weight != kNoValue; }
};

/// A value that is stored as int8.
struct IntegerValue {
  /// Its producer computes in int8: then all its users read the stored value. Else those in `users` do, and the others
  /// keep the float one.
  bool from_integer = false;
  std::vector<std::pair<NodeId, size_t>> users;  // node and input position
};

struct Selection {
  std::vector<IntegerNode> nodes;  // in the graph's order
  std::map<ValueId, IntegerValue> values;
  std::vector<std::string> unmatched;  // patterns of `exclude` that name no node
};

/// Conv, Gemm and MatMul with constant f32 weights always (unless excluded); sums, products by element, pools,
/// activation functions, concatenations and moves where all that they take comes from integer arithmetic and somebody
/// takes their result as such, so that no float islands lie between int8 layers, and what stays in float (residual
/// streams of transformers, LayerNorm, softmax) keeps its accuracy. Results of Conv are stored as int8, those of
/// Gemm and MatMul only where the next node asks for it. Graph outputs stay in float.
Selection select(const Graph& graph, const SelectOptions& options);

/// Whether `text` is what `pattern` says, * and ? as in a shell.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace fovea::quantize
