// calibration.json as ONNX Runtime's CalibrationCacheEncoder writes it; older versions wrote a plain dictionary of
// [low, high].
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "quantize/table_formats.h"

namespace fovea::quantize {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostBytes = size_t{128} << 20, kMostKeys = 20'000, kMostDepth = 16;

/// Whether the text is worth parsing: ordered_json looks through all keys of an object for each new one, and a model
/// has not as many tensors as would make that long.
Result<void> check_extent(std::string_view text) {
  if (text.size() > kMostBytes) return invalid_argument("{} bytes are too many for a table", text.size());
  std::array<size_t, kMostDepth + 1> keys{};  // of the objects and lists that are open
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMostDepth) return invalid_argument("it is nested too deeply for a table");
      keys[depth] = 0;
    } else if (c == '}' || c == ']') {
      depth -= depth > 0 ? 1 : 0;
    } else if (c == ':' && ++keys[depth] > kMostKeys) {
      return invalid_argument("more than {} tensors are too many for a table", kMostKeys);
    }
  }
  return {};
}

/// A number, or an array object {"data": 1.5 or [1.5], ...}, or a list of one of these. Nothing where it is no finite
/// float.
std::optional<float> number_of(const Json& value, bool* is_array) {
  const Json& inner = value.is_array() && value.size() == 1 ? value[0] : value;
  if (inner.is_number()) return finite_float(inner.get<double>());
  if (!inner.is_object()) return std::nullopt;
  const auto data = inner.find("data");
  if (data == inner.end() || (data->is_array() && data->size() != 1)) return std::nullopt;
  const Json& number = data->is_array() ? (*data)[0] : *data;
  if (!number.is_number()) return std::nullopt;
  if (is_array) *is_array = data->is_array();
  return finite_float(number.get<double>());
}

/// Appends the number; false where the type cannot hold it.
bool take_number(const Json& number, std::vector<float>& list) {
  const auto value = finite_float(number.get<double>());
  if (value) list.push_back(*value);
  return value.has_value();
}
bool take_number(const Json& number, std::vector<int64_t>& list) {
  const auto value = number.get<double>();
  if (!(std::fabs(value) < 0x1p63) || value != std::trunc(value)) return false;
  list.push_back(number.get<int64_t>());
  return true;
}

/// Numbers of {"data": [...]} or of a plain list; false where something else stands there.
template <class T>
bool take_list(const Json& tensor, const char* key, std::vector<T>& list) {
  const auto it = tensor.find(key);
  if (it == tensor.end()) return true;
  const Json* data = &*it;
  if (data->is_object() && data->contains("data")) data = &(*data)["data"];
  if (!data->is_array()) return true;  // "bins" may be a mere number of them
  for (const Json& number : *data)
    if (!number.is_number() || !take_number(number, list)) return false;
  return true;
}

Result<TableEntry> parse_entry(const std::string& name, const Json& tensor) {
  TableEntry entry;
  entry.name = name;
  std::optional<float> low, high;
  if (tensor.is_array() && tensor.size() >= 2) {
    low = number_of(tensor[0], nullptr);
    high = number_of(tensor[1], nullptr);
  } else if (tensor.is_object()) {
    if (const auto it = tensor.find("lowest"); it != tensor.end()) low = number_of(*it, &entry.low_is_array);
    if (const auto it = tensor.find("highest"); it != tensor.end()) high = number_of(*it, &entry.high_is_array);
    if (!take_list(tensor, "hist", entry.counts) || !take_list(tensor, "bins", entry.edges) ||
        (entry.edges.empty() && !take_list(tensor, "hist_edges", entry.edges)))
      return invalid_argument("its histogram holds something that is no number, or too large a one");
  }
  if (!low || !high) return invalid_argument("it has no lowest and highest that are finite numbers");
  if (!(*low <= *high)) return invalid_argument("lowest {} is above highest {}", *low, *high);
  entry.range = {*low, *high};
  return entry;
}

std::string quoted(const std::string& text) {
  // Python escapes all that is not ASCII.
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string json_number(float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return python_number(static_cast<double>(value));
}

std::string array_object(const std::string& data, std::string_view dtype) {
  return fmt::format(R"({{"data": {}, "dtype": "{}", "CLS": "numpy.array"}})", data, dtype);
}

template <class T, class Write>
std::string list_of(const std::vector<T>& values, Write&& write) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + write(values[i]);
  return text + "]";
}

}  // namespace

Result<Table> parse_json(std::string_view text) {
  FOVEA_TRY(check_extent(text));
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) return invalid_argument("this is no JSON object");
  Table table;
  const auto cls = root.find("CLS"), data = root.find("data");
  const bool modern = cls != root.end() && data != root.end() && data->is_object();
  if (modern && root.contains("calibration_method")) {
    const Json& method = root["calibration_method"];
    const Json& value = method.is_object() && method.contains("value") ? method["value"] : method;
    if (value.is_string()) {
      table.method = value.get<std::string>();
      table.method.erase(0, table.method.rfind('.') + 1);  // "CalibrationMethod.MinMax"
    }
  }
  for (const auto& [name, tensor] : (modern ? *data : root).items())
    table.entries.push_back(FOVEA_TRY_AT("\"" + name + "\"", parse_entry(name, tensor)));
  return table;
}

Result<std::string> write_json(const Table& table) {
  std::string text = R"({"CLS": "TensorsData", "data": {)";
  const auto number = [](float value, bool is_array) {
    return is_array ? array_object("[" + json_number(value) + "]", "float32") : json_number(value);
  };
  bool first = true;
  for (const TableEntry& entry : table.entries) {
    text += fmt::format(R"({}{}: {{"lowest": {}, "highest": {})", first ? "" : ", ", quoted(entry.name),
                        number(entry.range.low, entry.low_is_array), number(entry.range.high, entry.high_is_array));
    first = false;
    if (!entry.counts.empty()) {
      text +=
          R"(, "hist": )" + array_object(list_of(entry.counts, [](int64_t n) { return std::to_string(n); }), "int64");
      text += R"(, "bins": )" + array_object(list_of(entry.edges, json_number), "float32");
    }
    text += R"(, "CLS": "TensorData"})";
  }
  const bool known = table.method == "MinMax" || table.method == "Entropy" || table.method == "Percentile" ||
                     table.method == "Distribution";
  text += fmt::format(R"(}}, "calibration_method": {{"CLS": "CalibrationMethod", "value": "CalibrationMethod.{}"}}}})",
                      known                                ? table.method
                      : table.method.starts_with("MinMax") ? "MinMax"
                                                           : "Entropy");
  return text;
}

}  // namespace fovea::quantize
