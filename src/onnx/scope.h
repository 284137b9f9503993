// Names while a model is read: which value a name means, and how a value of an outer graph gets into an inner one.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "onnx/onnx_wire.pb.h"

namespace fovea::onnx {

/// The values that a node's subgraphs use, each once: both branches of an If share the list.
struct Captures {
  std::vector<ValueId> list;
  std::map<ValueId, size_t> places;

  size_t place_of(ValueId id) {
    const auto [place, is_new] = places.try_emplace(id, list.size());
    if (is_new) list.push_back(id);
    return place->second;
  }
};

/// A graph being built and its place in the graph around it.
struct Level {
  Graph* graph = nullptr;
  Level* outer = nullptr;                    // the graph around it; nullptr for the model's own
  Captures* captures = nullptr;              // of the node around it
  std::map<ValueId, ValueId> imported = {};  // outer value -> ours

  int depth() const { return outer == nullptr ? 0 : outer->depth() + 1; }
  /// The value of `from`, which is this level or one around it, as a value of this graph: captured on all levels
  /// between, once.
  ValueId import(const Level* from, ValueId id);
};

struct Scope;

/// A call of a model's function, while its body is read.
struct Call {
  const wire::Function* function = nullptr;
  const wire::Node* node = nullptr;
  const Scope* caller = nullptr;

  const Call* outer() const;
  int depth() const { return outer() == nullptr ? 1 : outer()->depth() + 1; }
};

using Opsets = std::map<std::string, int, std::less<>>;  // domain -> version

/// An initializer of 4-bit integers, and the constant of bytes that its first use makes of it.
struct FourBits {
  const wire::Tensor* tensor = nullptr;
  ValueId wide = kNoValue;
};

/// The names of one graph or of one function's body. A subgraph sees those of the scope around it; a function does not.
struct Scope {
  Level* level = nullptr;
  const Scope* outer = nullptr;
  const Call* call = nullptr;  // the function that this is the body of, or is within
  const Opsets* opsets = nullptr;
  std::string prefix = {};  // of the names of values and nodes, so that those of inlined functions are unique
  std::unordered_map<std::string, ValueId> names = {};
  std::unordered_map<std::string, ValueId> results = {};       // a function's outputs: values that wait for their node
  std::unordered_map<std::string, std::string> unusable = {};  // tensors that fovea lacks the type of: why
  /// Those among them that DequantizeLinear can have: integers of 4 bits.
  std::unordered_map<std::string, FourBits> four_bits = {};

  /// The value that the name means, as one of our level's graph; kNoValue for the empty name and for a function's input
  /// that the call leaves out. Error: invalid_model for an unknown name, unsupported for an unusable tensor.
  Result<ValueId> find(const std::string& name) const;
};

inline const Call* Call::outer() const { return caller->call; }

/// "ai.onnx" is the long form of ONNX's own domain, "".
inline std::string_view short_domain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

/// As Node::label, for a node that is not made yet.
std::string label(const Scope& scope, const wire::Node& node);

}  // namespace fovea::onnx
