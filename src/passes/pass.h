// What a pass is: a named rewrite that is tried at every node, and a record of what it did.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace fovea::passes {

/// What came of trying a pass at one node.
struct Outcome {
  enum class Kind {
    no_match,   // something else stands here
    no_effect,  // the pattern, but there is nothing to gain
    refused,    // the pattern, but the rewrite would be wrong or slower: `reason` says why
    applied,
  };
  Kind kind = Kind::no_match;
  std::string reason;
};
inline Outcome no_match() { return {}; }
inline Outcome no_effect() { return {Outcome::Kind::no_effect, {}}; }
inline Outcome refused(std::string reason) { return {Outcome::Kind::refused, std::move(reason)}; }
inline Outcome applied() { return {Outcome::Kind::applied, {}}; }

/// When a pass runs.
enum class Stage {
  once,          // when the model is loaded: what it makes (folded weights) is shared by all plans
  shapes_known,  // on a specialised graph: every value has a concrete type
};

struct Pass {
  std::string_view name;     // "fuse_gelu"
  std::string_view picture;  // "x * 0.5 * (1 + erf(x / sqrt 2)) -> Gelu(x)"
  std::string_view reason;   // why it stands where it stands in the pipeline
  /// Tries the rewrite with `node` as the last node of what it matches. Nodes that it makes go before `node`, in
  /// order; what nobody uses any more is swept away behind the pass. In Stage::shapes_known it gives a type to every
  /// value that it makes.
  /// Where stage is shapes_known, a node that changes is replaced by a new one: plans keep parsed operators by node.
  Outcome (*apply)(Graph& graph, NodeId node) = nullptr;
  /// Instead, for what cannot be decided node by node: rewrites the whole graph, says how many nodes it changed.
  int (*rewrite)(Graph& graph) = nullptr;
};

/// What a pass did to one graph.
struct PassRecord {
  std::string name;
  int applied = 0, no_effect = 0, refused = 0;
  std::map<std::string, int> reasons;  // of refusals, each with how often
  double ms = 0;
};

}  // namespace fovea::passes
