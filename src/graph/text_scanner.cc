#include "graph/text_scanner.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/error.h"
#include "graph/text_words.h"

namespace fovea {
namespace {

template <class T>
std::optional<T> from_text(std::string_view text, auto... format) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, format...);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The bits in "nan(0x7fc00001)".
template <class Bits>
std::optional<Bits> nan_bits(std::string_view text) {
  if (!text.starts_with("nan(0x") || !text.ends_with(")")) return std::nullopt;
  return from_text<Bits>(text.substr(6, text.size() - 7), 16);
}

template <class T, class Bits>
std::optional<T> parse_float(std::string_view text) {
  if (text == "nan") return quiet_nan<T>();
  if (const auto bits = nan_bits<Bits>(text)) return std::bit_cast<T>(*bits);
  if constexpr (sizeof(T) == 2) {
    const auto value = from_text<float>(text);
    return value ? std::optional(T(*value)) : std::nullopt;
  } else {
    return from_text<T>(text);
  }
}

}  // namespace

template <class T>
std::optional<T> parse_number(std::string_view text) {
  if constexpr (std::is_same_v<T, float>)
    return parse_float<float, uint32_t>(text);
  else if constexpr (std::is_same_v<T, double>)
    return parse_float<double, uint64_t>(text);
  else if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
    return parse_float<T, uint16_t>(text);
  else if constexpr (std::is_same_v<T, bool>)
    return text == "1" ? std::optional(true) : text == "0" ? std::optional(false) : std::nullopt;
  else
    return from_text<T>(text);
}

Error TextScanner::error(std::string message) const {
  const std::string_view before = text_.substr(0, at_);
  const auto line = std::ranges::count(before, '\n') + 1;
  const size_t line_start = before.rfind('\n');
  const size_t column = at_ - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return invalid_argument("{}", message).at(fmt::format("line {}, column {}", line, column));
}

char TextScanner::peek() {
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '#')
      at_ = std::min(text_.find('\n', at_), text_.size() - 1);
    else if (text_[at_] != ' ' && text_[at_] != '\n' && text_[at_] != '\t' && text_[at_] != '\r')
      return text_[at_];
  }
  return '\0';
}

bool TextScanner::take(char token) {
  if (peek() != token || at_ >= text_.size()) return false;
  ++at_;
  return true;
}

Result<void> TextScanner::expect(char token) {
  if (take(token)) return {};
  const char found = peek();
  return error(at_ >= text_.size() ? fmt::format("'{}' is expected, but the text ends", token)
                                   : fmt::format("'{}' is expected, but '{}' is there", token, found));
}

Result<void> TextScanner::expect_arrow() {
  FOVEA_TRY(expect('-'));
  return expect('>');
}

bool TextScanner::at_word() { return peek() != '\0' && is_word_character(text_[at_]); }

Result<std::string> TextScanner::word() {
  if (!at_word()) return error("a name is expected");
  const size_t start = at_;
  while (at_ < text_.size() && is_word_character(text_[at_])) ++at_;
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string> TextScanner::quoted_string() {
  FOVEA_TRY(expect('"'));
  std::string result;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return result;
    }
    if (c != '\\') {
      result += c;
      continue;
    }
    const char escape = ++at_ < text_.size() ? text_[at_] : '\0';
    if (escape == 'n') {
      result += '\n';
    } else if (escape == '"' || escape == '\\') {
      result += escape;
    } else if (escape == 'x' && at_ + 2 < text_.size()) {
      const auto byte = from_text<uint8_t>(text_.substr(at_ + 1, 2), 16);
      if (!byte) return error("\\x needs two hexadecimal digits");
      result += static_cast<char>(*byte);
      at_ += 2;
    } else {
      return error("an escape is one of \\\" \\\\ \\n \\xHH");
    }
  }
  return error("the string does not end");
}

Result<std::string> TextScanner::name() { return peek() == '"' ? quoted_string() : word(); }

Result<std::string> TextScanner::number() {
  peek();
  const auto belongs = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '+';
  };
  const size_t start = at_;
  while (at_ < text_.size() && belongs(text_[at_])) ++at_;
  if (text_.substr(start, at_ - start) == "nan" && at_ < text_.size() && text_[at_] == '(')
    at_ = std::min(text_.find(')', at_), text_.size() - 1) + 1;
  if (at_ == start) return error("a number is expected");
  return std::string(text_.substr(start, at_ - start));
}

template <class T>
Result<T> TextScanner::number_as() {
  const std::string text = FOVEA_TRY(number());
  const auto value = parse_number<T>(text);
  if (!value) return error(fmt::format("{} is no {}, or out of its range", text, name_of(dtype_of<T>)));
  return *value;
}

Result<int64_t> TextScanner::integer() { return number_as<int64_t>(); }

Result<Dim> TextScanner::extent() {
  if (take('?')) return Dim{};
  const bool is_number = peek() >= '0' && peek() <= '9';
  if (is_number) return Dim{FOVEA_TRY(integer()), {}};
  Dim dim;
  dim.symbol = FOVEA_TRY(name());
  return dim;
}

Result<ValueType> TextScanner::type() {
  ValueType result;
  if (!take('?')) {
    const std::string dtype = FOVEA_TRY(word());
    result.dtype = dtype_of_name(dtype);
    if (!result.dtype) return error(fmt::format("\"{}\" is no dtype", dtype));
  }
  if (!take('[')) return result;
  result.shape.emplace();
  while (!take(']')) {
    if (!result.shape->empty()) FOVEA_TRY(expect(','));
    result.shape->push_back(FOVEA_TRY(extent()));
  }
  return result;
}

// One definition for each dtype.
#define FOVEA_NUMBER(T)                                        \
  template std::optional<T> parse_number<T>(std::string_view); \
  template Result<T> TextScanner::number_as<T>();
FOVEA_NUMBER(float)
FOVEA_NUMBER(double)
FOVEA_NUMBER(f16)
FOVEA_NUMBER(bf16)
FOVEA_NUMBER(int8_t)
FOVEA_NUMBER(uint8_t)
FOVEA_NUMBER(int16_t)
FOVEA_NUMBER(uint16_t)
FOVEA_NUMBER(int32_t)
FOVEA_NUMBER(uint32_t)
FOVEA_NUMBER(int64_t)
FOVEA_NUMBER(uint64_t)
FOVEA_NUMBER(bool)
#undef FOVEA_NUMBER

}  // namespace fovea
