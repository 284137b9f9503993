// The small words of the text form, shared by printing and parsing: names, strings, types, NaN.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace fovea {

/// Characters that a name may have without quotes.
constexpr bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '/' || c == ':' || c == '$';
}

/// The string between quotes, with everything but printable ASCII escaped: \" \\ \n \xHH.
std::string quoted(std::string_view text);
/// A name, quoted where it must be ("_" alone means an operand that is left out).
std::string word_text(std::string_view name);
/// Whether an operator's name can stand behind its domain's without quotes: no dots.
bool is_plain_operator(std::string_view name);
/// As to_string(ValueType), with symbols quoted where they must be and "?[2]" for a shape without a dtype.
std::string type_text(const ValueType& type);
std::optional<DType> dtype_of_name(std::string_view name);

/// The NaN that is written "nan".
template <class T>
T quiet_nan() {
  if constexpr (sizeof(T) == 2)
    return T(std::numeric_limits<float>::quiet_NaN());
  else
    return std::numeric_limits<T>::quiet_NaN();
}

}  // namespace fovea
