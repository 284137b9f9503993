#include "tasks/json_fields.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace fovea::tasks {
namespace {

using nlohmann::json;

/// At most a line of the value, for messages.
std::string excerpt(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr size_t kLongest = 60;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

Error wrong_type(std::string_view key, std::string_view expected, const json& value) {
  return invalid_argument("\"{}\" should be {}, but is {}", key, expected, excerpt(value));
}

}  // namespace

Result<json> parse_json(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return invalid_argument("the text is no valid JSON");
  return value;
}

std::optional<int64_t> as_integer(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (std::fabs(number) < 9e15 && number == std::floor(number)) return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

const json* JsonFields::find(std::string_view key) const {
  const auto it = object_.find(std::string(key));
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool JsonFields::has_any(std::initializer_list<std::string_view> keys) const {
  for (std::string_view key : keys)
    if (has(key)) return true;
  return false;
}

Result<std::optional<double>> JsonFields::number(std::string_view key) const {
  const json* value = find(key);
  if (!value) return std::optional<double>();
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  return std::optional(value->get<double>());
}

Result<std::optional<int64_t>> JsonFields::integer(std::string_view key) const {
  const json* value = find(key);
  if (!value) return std::optional<int64_t>();
  const auto number = as_integer(*value);
  if (!number) return wrong_type(key, "a whole number", *value);
  return number;
}

Result<std::optional<bool>> JsonFields::boolean(std::string_view key) const {
  const json* value = find(key);
  if (!value) return std::optional<bool>();
  if (!value->is_boolean()) return wrong_type(key, "true or false", *value);
  return std::optional(value->get<bool>());
}

Result<std::optional<std::string>> JsonFields::text(std::string_view key) const {
  const json* value = find(key);
  if (!value) return std::optional<std::string>();
  if (!value->is_string()) return wrong_type(key, "text", *value);
  return std::optional(value->get<std::string>());
}

Result<std::optional<std::vector<double>>> JsonFields::numbers(std::string_view key) const {
  using Numbers = std::optional<std::vector<double>>;
  const json* value = find(key);
  if (!value) return Numbers();
  if (value->is_number()) return Numbers(std::vector<double>{value->get<double>()});
  if (!value->is_array()) return wrong_type(key, "a list of numbers", *value);
  std::vector<double> list;
  for (const json& item : *value) {
    if (!item.is_number()) return wrong_type(key, "a list of numbers", *value);
    list.push_back(item.get<double>());
  }
  return Numbers(std::move(list));
}

Result<std::optional<std::vector<int64_t>>> JsonFields::integers(std::string_view key) const {
  using Integers = std::optional<std::vector<int64_t>>;
  const json* value = find(key);
  if (!value) return Integers();
  if (const auto one = as_integer(*value)) return Integers(std::vector<int64_t>{*one});
  if (!value->is_array()) return wrong_type(key, "a list of whole numbers", *value);
  std::vector<int64_t> list;
  for (const json& item : *value) {
    const auto number = as_integer(item);
    if (!number) return wrong_type(key, "a list of whole numbers", *value);
    list.push_back(*number);
  }
  return Integers(std::move(list));
}

}  // namespace fovea::tasks
