#include "bench/report_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace fovea::bench {
namespace {

struct CodePoint {
  char32_t value;
  size_t bytes;
  bool valid;
};

constexpr char32_t kReplacement = 0xFFFD;

/// The first character of a text that is not empty, by RFC 3629: no overlong forms, no surrogates.
CodePoint first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {kReplacement, 1, false};
  char32_t value = lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kReplacement, 1, false};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast[bytes] || value > 0x10FFFF || surrogate) return {kReplacement, 1, false};
  return {value, bytes, true};
}

struct Range {
  char32_t first, last;
};

bool within(std::span<const Range> ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](Range range) { return c >= range.first && c <= range.last; });
}

/// Blocks of Unicode 15, as terminals take them: combining marks, joiners and variation selectors; then what East Asian
/// Width calls W or F, and emoji.
constexpr Range kNoWidth[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x64B, 0x65F},    {0x1AB0, 0x1AFF},
                              {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064},  {0x20D0, 0x20FF},
                              {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
constexpr Range kWide[] = {{0x1100, 0x115F},  {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97C},
                           {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
                           {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
                           {0x20000, 0x3FFFD}};

int columns_of(char32_t c) {
  if (c < 0x300) return 1;
  if (within(kNoWidth, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

/// Bytes of the longest start of the text that takes at most so many columns.
size_t bytes_within(std::string_view text, int columns) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint next = first_of(text.substr(bytes));
    columns -= columns_of(next.value);
    if (columns < 0) break;
    bytes += next.bytes;
  }
  return bytes;
}

std::string spaces(int count) { return std::string(static_cast<size_t>(std::max(0, count)), ' '); }

}  // namespace

int columns_of(std::string_view utf8) {
  int columns = 0;
  while (!utf8.empty()) {
    const CodePoint next = first_of(utf8);
    columns += columns_of(next.value);
    utf8.remove_prefix(next.bytes);
  }
  return columns;
}

std::string pad_right(std::string_view text, int columns) {
  return std::string(text) + spaces(columns - columns_of(text));
}
std::string pad_left(std::string_view text, int columns) {
  return spaces(columns - columns_of(text)) + std::string(text);
}

std::string shorten(std::string_view text, int columns) {
  if (columns_of(text) <= columns) return std::string(text);
  return std::string(text.substr(0, bytes_within(text, columns - 1))) + "…";
}

std::vector<std::string> wrap(std::string_view text, int columns) {
  columns = std::max(columns, 2);  // the widest character
  std::vector<std::string> lines(1);
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return lines;
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    const int used = columns_of(lines.back());
    if (used > 0 && used + 1 + columns_of(word) <= columns) {
      lines.back() += ' ';
    } else if (used > 0) {
      lines.emplace_back();
    }
    while (columns_of(word) > columns) {
      const size_t bytes = bytes_within(word, columns);
      lines.back() += word.substr(0, bytes);
      lines.emplace_back();
      word.remove_prefix(bytes);
    }
    lines.back() += word;
  }
}

std::string printable_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint next = first_of(text);
    const bool control = next.value < 0x20 || (next.value >= 0x7F && next.value < 0xA0) || next.value == 0x2028 ||
                         next.value == 0x2029 || (next.value >= 0x202A && next.value <= 0x202E);
    if (!next.valid)
      result += "\uFFFD";
    else if (control)
      result += ' ';
    else
      result += text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
  }
  return result;
}

std::string html_text(std::string_view text) {
  std::string result;
  for (char c : printable_utf8(text)) switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  return result;
}

int decimals_for(double smallest) {
  if (!(smallest > 0) || !std::isfinite(smallest)) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(smallest))), 0, 4);
}

std::string fixed_text(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

std::string short_text(double value) { return fixed_text(value, std::min(3, decimals_for(std::fabs(value)))); }

std::string error_text(double value) {
  if (value == 0) return "0";
  return std::isfinite(value) ? fmt::format("{:.1e}", value) : "inf";
}

std::string percent_text(double share) { return fixed_text(share * 100, 0) + " %"; }

std::string counted(int64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

std::string bar_text(double part, double whole, int columns) {
  if (!(part > 0) || !(whole > 0) || columns <= 0) return {};
  constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const long eighths = std::lround(std::min(part / whole, 1.0) * columns * 8);
  std::string bar;
  for (long i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  return bar.empty() ? "▏" : bar;
}

}  // namespace fovea::bench
