// Reading a JSON object that somebody else wrote: absent and null fields are no error, wrong types are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "fovea/result.h"

namespace fovea::tasks {

/// Error: invalid_argument where the text is no JSON.
Result<nlohmann::json> parse_json(std::string_view text);

/// Its object must outlive it. The getters give nothing for a field that is absent or null; their error is
/// invalid_argument, naming the field and what it holds.
class JsonFields {
 public:
  explicit JsonFields(const nlohmann::json& object) : object_(object) {}

  /// The field unless absent or null.
  const nlohmann::json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool has_any(std::initializer_list<std::string_view> keys) const;

  Result<std::optional<double>> number(std::string_view key) const;
  Result<std::optional<int64_t>> integer(std::string_view key) const;
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::string>> text(std::string_view key) const;
  /// A list of numbers; one number counts as a list of one.
  Result<std::optional<std::vector<double>>> numbers(std::string_view key) const;
  /// A list of whole numbers; one counts as a list of one.
  Result<std::optional<std::vector<int64_t>>> integers(std::string_view key) const;

 private:
  const nlohmann::json& object_;
};

/// A whole number, also when written as 224.0; nothing for any other value.
std::optional<int64_t> as_integer(const nlohmann::json& value);

}  // namespace fovea::tasks
