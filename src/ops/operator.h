// What every operator provides, and what it is given: the contract of the operator catalogue.
//
// An operator is one file. parse() reads a node's attributes, once, when the model is loaded; infer() gives the types
// of the outputs for concrete inputs; compute() is the reference kernel: plain, obviously right, every dtype that ONNX
// allows. docs/adding-an-operator.md walks through one.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "fovea/tensor.h"
#include "graph/graph.h"

namespace fovea::ops {

/// The inputs of a node as infer() sees them: types always, values only where they are known already.
class Inputs {
 public:
  struct Input {
    TensorType type;
    const Tensor* value = nullptr;  // known before the model runs (a weight, a folded shape), or now that it runs
    bool present = false;
  };
  /// `outputs` tells for each output whether anybody wants it.
  Inputs(std::span<const Input> inputs, size_t output_count) : inputs_(inputs), output_count_(output_count) {}

  size_t size() const { return inputs_.size(); }
  size_t output_count() const { return output_count_; }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i].present; }
  // Precondition of the three below: has(i).
  const TensorType& type(size_t i) const { return inputs_[i].type; }
  DType dtype(size_t i) const { return inputs_[i].type.dtype; }
  const Shape& shape(size_t i) const { return inputs_[i].type.shape; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }

  /// The input's value. Error: needs_value; the engine then runs what comes before, and asks again.
  Result<Tensor> value(size_t i) const;
  /// An i32 or i64 input as numbers, of rank 0 or 1. Error: needs_value, another dtype or rank.
  Result<std::vector<int64_t>> integers(size_t i) const;
  /// The same for exactly one number.
  Result<int64_t> integer(size_t i) const;

 private:
  std::span<const Input> inputs_;
  size_t output_count_;
};

/// Types of the outputs, as many as the node lists (a shorter list is completed by nothing: all must be given).
using Types = std::vector<TensorType>;
/// Operands of compute(): a left-out input or output is there with present() false.
using Args = std::span<const TensorView>;
using Outs = std::span<const MutableView>;

class Operator {
 public:
  virtual ~Operator() = default;
  /// Checks dtypes, ranks and extents, and gives the outputs' types. May be called with hostile shapes and values.
  virtual Result<Types> infer(const Inputs& in) const = 0;
  /// Precondition: infer() accepted these inputs, with their values known, and `outs` has the types it gave. What
  /// depends on the data itself (an index, a divisor) is checked here. Inputs and outputs do not overlap.
  virtual Result<void> compute(Args in, Outs out) const = 0;
};
using OperatorPtr = std::unique_ptr<const Operator>;

/// Wraps what a parse function returns.
template <class Op, class... Args>
OperatorPtr make_operator(Args&&... args) {
  return std::make_unique<const Op>(std::forward<Args>(args)...);
}

/// One line of the registry.
struct Entry {
  std::string_view domain;
  std::string_view name;
  int since, until;            // versions of the domain that the parse function understands
  int min_inputs, max_inputs;  // kMany: no limit
  int min_outputs, max_outputs;
  Result<OperatorPtr> (*parse)(const Node&);
};
inline constexpr int kMany = 1 << 30;

/// The entry for a node; nullptr where fovea lacks the operator in that version.
const Entry* find_entry(std::string_view domain, std::string_view name, int opset);
/// All entries, for `fovea inspect`, docs and tests.
std::span<const Entry> all_entries();

/// Parses a node. Error: unsupported (operator, domain or opset unknown), invalid_model (counts, attributes), each
/// without the node's name: the caller adds it.
Result<OperatorPtr> parse_operator(const Node& node);

}  // namespace fovea::ops
