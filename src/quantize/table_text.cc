// The two text formats: calibration.cache of ONNX Runtime, and TensorRT's native cache.
#include <bit>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "quantize/table_formats.h"

namespace fovea::quantize {
namespace {

/// Calls fn(line, number) for each line that is not empty; its error ends it.
template <class Fn>
Result<void> for_each_line(std::string_view text, Fn&& fn) {
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) FOVEA_TRY_AT(fmt::format("line {}", number), fn(line, number));
  }
  return {};
}

Result<void> check_name(const TableEntry& entry) {
  if (entry.name.find_first_of("\r\n") != std::string::npos)
    return invalid_argument("the name \"{}\" has a line break, which this format cannot hold", entry.name);
  return {};
}

}  // namespace

Result<Table> parse_cache(std::string_view text) {
  Table table;
  FOVEA_TRY(for_each_line(text, [&](std::string_view line, int) -> Result<void> {
    const size_t space = line.rfind(' ');
    const auto value = space == std::string_view::npos ? std::nullopt : parse_number(line.substr(space + 1));
    if (!value || space == 0) return invalid_argument("\"{}\" is no name and number", line);
    const auto reach = finite_float(*value);
    if (!reach) return invalid_argument("the magnitude {} makes no range", *value);
    table.entries.push_back({std::string(line.substr(0, space)), {-std::fabs(*reach), *reach}, false, false, {}, {}});
    return {};
  }));
  note_lost_magnitudes(table);
  return table;
}

Result<std::string> write_cache(const Table& table) {
  std::string text;
  for (const TableEntry* entry : sorted_entries(table)) {
    FOVEA_TRY(check_name(*entry));
    text += entry->name + " " + python_number(static_cast<double>(entry->range.reach())) + "\n";
  }
  return text;
}

Result<Table> parse_tensorrt(std::string_view text) {
  Table table;
  table.magnitudes_only = true;
  FOVEA_TRY(for_each_line(text, [&](std::string_view line, int number) -> Result<void> {
    if (number == 1) {
      const size_t dash = line.find('-', 4);
      if (!line.starts_with("TRT-") || dash == std::string_view::npos)
        return invalid_argument("\"{}\" is not TRT-<version>-<algorithm>", line);
      const std::string_view version = line.substr(4, dash - 4);
      const auto [end, error] =
          std::from_chars(version.data(), version.data() + version.size(), table.tensorrt_version);
      if (error != std::errc() || end != version.data() + version.size())
        return invalid_argument("\"{}\" is no version", version);
      table.method = line.substr(dash + 1);
      return {};
    }
    // Names hold colons and spaces themselves: the last ": " counts.
    const size_t colon = line.rfind(": ");
    uint32_t bits = 0;
    const std::string_view digits = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
    if (digits.size() != 8 || error != std::errc() || end != digits.data() + digits.size())
      return invalid_argument("\"{}\" is no name and scale (eight hex digits)", line);
    const float scale = std::bit_cast<float>(bits);
    if (!std::isfinite(127 * scale) || scale < 0) return invalid_argument("the scale {} makes no range", scale);
    table.entries.push_back({std::string(line.substr(0, colon)), {-127 * scale, 127 * scale}, false, false, {}, {}});
    return {};
  }));
  if (table.entries.empty() && !text.starts_with("TRT-")) return invalid_argument("the first line is missing");
  return table;
}

Result<std::string> write_tensorrt(const Table& table) {
  const bool known = table.method.ends_with("2") || table.method.ends_with("Calibration");
  const std::string_view method =
      known ? std::string_view(table.method) : (table.method == "MinMax" ? "MinMaxCalibration" : "EntropyCalibration2");
  std::string text = fmt::format("TRT-{}-{}\n", table.tensorrt_version, method);
  for (const TableEntry& entry : table.entries) {
    FOVEA_TRY(check_name(entry));
    text += fmt::format("{}: {:08x}\n", entry.name, std::bit_cast<uint32_t>(entry.range.reach() / 127));
  }
  return text;
}

}  // namespace fovea::quantize
