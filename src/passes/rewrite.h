// What rewrites have in common: making nodes with typed results, reading what a node carries.
#pragma once

#include <optional>
#include <string_view>

#include "graph/graph.h"

namespace fovea::passes {

/// Puts a new node with one output before `place`; the output gets this type and a name after the node's. Returns the
/// output.
ValueId insert_node(Graph& graph, NodeId place, Node node, const ValueType& type);

/// Replaces `old` by a new node: every use of its first output becomes a use of the new one's. Returns the new node.
NodeId replace_node(Graph& graph, NodeId old, Node node);

/// Whether the node has this input.
bool has(const Node& node, size_t input);

/// What is known of a value's type.
bool is_f32(const Graph& graph, ValueId value);
std::optional<Shape> shape_of(const Graph& graph, ValueId value);

}  // namespace fovea::passes
