#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "quantize/table_formats.h"

namespace fovea::quantize {

std::string python_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  std::string sign(text.starts_with('-') ? "-" : ""), digits;
  for (const char c : text.substr(sign.size(), e - sign.size()))
    if (c != '.') digits += c;
  int exponent = 0;
  const std::string_view power = text.substr(e + 1);
  std::from_chars(power.data() + (power.starts_with('+') ? 1 : 0), power.data() + power.size(), exponent);
  // Python writes an exponent below 1e-4 and from 1e16 on.
  if (exponent < -4 || exponent >= 16) {
    std::string result = sign + digits.substr(0, 1);
    if (digits.size() > 1) result += "." + digits.substr(1);
    const int magnitude = std::abs(exponent);
    return result + (exponent < 0 ? "e-" : "e+") + (magnitude < 10 ? "0" : "") + std::to_string(magnitude);
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<float> finite_float(double value) {
  if (!(std::fabs(value) <= static_cast<double>(std::numeric_limits<float>::max()))) return std::nullopt;
  return static_cast<float>(value);
}

std::vector<const TableEntry*> sorted_entries(const Table& table) {
  std::vector<const TableEntry*> sorted;
  for (const TableEntry& entry : table.entries) sorted.push_back(&entry);
  // Python compares code points; the order of UTF-8's bytes is the same.
  std::ranges::stable_sort(sorted, [](const TableEntry* a, const TableEntry* b) { return a->name < b->name; });
  return sorted;
}

void note_lost_magnitudes(Table& table) {
  size_t lost = 0;
  for (const TableEntry& entry : table.entries) lost += entry.range.high <= 0 ? 1 : 0;
  table.magnitudes_only = true;
  std::string note =
      "ONNX Runtime writes the larger of low and high here, not the largest magnitude: a range of [-5.5, 1.1] became "
      "1.1; "
      "use its calibration.json where there is one";
  if (lost > 0) note += " (" + std::to_string(lost) + " tensors are certainly wrong: their range is 0 or below)";
  table.notes.push_back(std::move(note));
}

}  // namespace fovea::quantize
