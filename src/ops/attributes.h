// Reading a node's attributes with checks: wrong kinds and unknown names are errors, not silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace fovea::ops {

/// Reads the attributes that an operator knows, then finish() refuses any other: an attribute that is ignored is a
/// wrong answer waiting to be given. Errors are collected, so that the reads need no checks of their own:
///
///     Attributes attributes(node);
///     const int64_t axis = attributes.integer("axis", -1);
///     FOVEA_TRY(attributes.finish());
class Attributes {
 public:
  explicit Attributes(const Node& node) : node_(node) {}

  int64_t integer(std::string_view name, int64_t fallback);
  float number(std::string_view name, float fallback);
  bool flag(std::string_view name, bool fallback) { return integer(name, fallback ? 1 : 0) != 0; }
  std::string text(std::string_view name, std::string_view fallback);
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> fallback = {});
  std::vector<float> numbers(std::string_view name, std::vector<float> fallback = {});
  std::vector<std::string> texts(std::string_view name, std::vector<std::string> fallback = {});
  std::optional<Tensor> tensor(std::string_view name);
  std::shared_ptr<const Graph> graph(std::string_view name);
  bool has(std::string_view name) const { return node_.attributes.contains(name); }
  /// Notes that the attribute must be there.
  void require(std::string_view name);
  /// Names that this operator may carry but that change nothing.
  void ignore(std::string_view name) { known_.emplace_back(name); }

  /// Error: invalid_model for an attribute of the wrong kind, missing, or unknown.
  Result<void> finish();

 private:
  template <class T>
  const T* read(std::string_view name, std::string_view kind);

  const Node& node_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace fovea::ops
