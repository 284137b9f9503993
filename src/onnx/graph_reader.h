// GraphProto to Graph: names become indices, subgraphs list what they capture, the model's functions are inlined.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "onnx/read_tensor.h"
#include "onnx/scope.h"

namespace fovea::onnx {

class GraphReader {
 public:
  /// `model` must outlive the reader.
  GraphReader(const wire::Model& model, TensorSource source);

  /// The model's graph, sorted. Error: invalid_model, naming the node. What fovea lacks is no error here: it is noted.
  Result<Graph> read();
  /// What fovea lacks, one error a node, in the order of the file; kMaxNotes at most.
  std::vector<Error>& unsupported() { return unsupported_; }

 private:
  static constexpr size_t kMaxNotes = 10000;
  static constexpr int64_t kMaxInlinedNodes = 200'000;  // functions that call functions multiply
  static constexpr int kMaxCallDepth = 64;
  static constexpr uint64_t kMaxInlinedBytes = uint64_t{256} << 20;  // what inlining copies, for the same reason
  static constexpr int kMaxAttributes = 1000;                        // of one node or function

  // ---- graphs (graph_reader.cc)
  Result<void> read_graph(const wire::Graph& proto, Scope& scope);
  Result<void> read_inputs(const wire::Graph& proto, Scope& scope);
  Result<void> read_initializers(const wire::Graph& proto, Scope& scope);
  Result<void> read_value_infos(const wire::Graph& proto, Scope& scope);
  Result<void> read_outputs(const wire::Graph& proto, Scope& scope);

  // ---- nodes (node_reader.cc)
  template <class Nodes>
  Result<void> declare_outputs(const Nodes& nodes, Scope& scope);
  template <class Nodes>
  Result<void> read_nodes(const Nodes& nodes, Scope& scope);
  Result<void> read_node(const wire::Node& proto, Scope& scope);
  Result<ValueId> read_operand(const wire::Node& proto, int position, Scope& scope);
  Result<void> count_node(const wire::Node& proto, const Scope& scope);
  Result<void> read_attributes(const wire::Node& proto, Scope& scope, Node& node, Captures& captures);
  Result<Attribute> read_subgraph(const wire::Graph& proto, const Scope& around, Level& level, Captures& captures);
  Result<int> opset_of(const Scope& scope, std::string_view domain) const;

  // ---- functions (function_reader.cc)
  using FunctionKey = std::tuple<std::string, std::string, std::string>;  // domain, name, overload
  Result<void> index_functions();
  const wire::Function* function_for(const wire::Node& node) const;
  Result<void> inline_call(const wire::Function& function, const wire::Node& node, Scope& caller);
  std::string call_prefix(const Scope& caller, const wire::Node& node);

  /// An attribute, and the scope in which it was written.
  struct Written {
    const wire::Attribute* attribute = nullptr;  // nullptr: it refers to one that the call leaves out
    const Scope* scope = nullptr;
  };
  /// Follows references of a function's body to the attributes of its calls and to their defaults.
  static Result<Written> resolve(const wire::Attribute& attribute, const Scope& scope);

  /// The value of a name; one that fovea lacks the type of is noted, and left out.
  Result<ValueId> find_or_note(const Scope& scope, const std::string& name, const wire::Node& user);
  /// Notes an error of what fovea lacks, with the node's label; hands on any other as it is, its caller adds the label.
  Result<void> note(Error error, const std::string& node = {});

  const wire::Model& model_;
  TensorSource source_;
  std::map<FunctionKey, const wire::Function*> functions_;
  std::map<const wire::Function*, Opsets> function_opsets_;
  Opsets opsets_;
  std::unordered_map<std::string, int> prefixes_;
  std::vector<Error> unsupported_;
  int64_t inlined_nodes_ = 0;
  uint64_t inlined_bytes_ = 0;
};

/// The versions that a model or a function imports. Error: invalid_model for one that no version can be.
template <class Imports>
Result<Opsets> read_opsets(const Imports& imports);

}  // namespace fovea::onnx
