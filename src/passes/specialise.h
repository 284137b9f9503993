// From a model's graph and concrete input types to a graph in which every value has a concrete type and what can be
// known is a constant. Chains of Shape, Gather, Concat, Reshape disappear here.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "ops/operator.h"

namespace fovea::passes {

/// The parsed operators of a graph's nodes, by node. Shared: each engine parses once, all its plans use the result.
using Operators = std::unordered_map<NodeId, std::shared_ptr<const ops::Operator>>;

/// Parses every node, those of subgraphs too. Error: unsupported, invalid_model, naming the node.
Result<Operators> parse_operators(const Graph& graph);

/// Inputs that the caller must feed: those without a default.
std::vector<ValueId> fed_inputs(const Graph& graph);

struct Specialised {
  Graph graph;          // nodes before `stop` have concrete types; the others are as they were
  Operators operators;  // of the nodes before `stop`; and of `stop`, unless it is control flow
  /// The first node whose output types depend on data, or which chooses by data what to run. kNoNode: there is none.
  NodeId stop = kNoNode;
};

/// Walks the graph in order: gives every value its type, folds nodes whose inputs are all known (with the reference
/// kernels, within kFoldBytes), and puts the branch of an If with a known condition in its place.
/// `inputs`: the types of fed_inputs(graph), in that order. Error: a shape rule's, naming the node.
Result<Specialised> specialise(const Graph& graph, std::span<const TensorType> inputs, const Operators& parsed);

/// A result may grow to this size, or to twice its operands, when it is folded; all folded results together to eight
/// times this, or to twice the weights. Beyond, nodes stay in the graph and are run.
inline constexpr int64_t kFoldBytes = 64 << 20;
/// Values that folding sets in the subgraphs of control flow, and four times kFoldBytes may they read and write: some
/// tenths of a second. A Loop that is longer stays in the graph and is run.
inline constexpr int64_t kFoldedValues = 100'000;

/// What becomes of nodes that widen the weights of linear layers, see widens_weight().
enum class NarrowWeights {
  folded,  // as all else
  kept,    // left for narrow_weights; what that pass refuses must be folded behind it, or each plan folds it anew
};

/// Folds what depends on no input at all: done once a model, so that all plans share the folded weights. Nodes whose
/// shape rule refuses are left for specialise to report.
Result<void> fold_constants(Graph& graph, NarrowWeights weights = NarrowWeights::folded);

}  // namespace fovea::passes
