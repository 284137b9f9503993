// Reading the text form word by word, with the place for errors.
#pragma once

#include <string>
#include <string_view>

#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea {

class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : text_(text) {}

  /// invalid_argument, with line and column.
  Error error(std::string message) const;

  /// The next character that is neither blank nor comment; 0 at the end.
  char peek();
  /// Takes `token` if it is next.
  bool take(char token);
  Result<void> expect(char token);
  Result<void> expect_arrow();

  bool at_name() { return peek() == '"' || at_word(); }
  bool at_word();
  /// A word as it stands, which must be there.
  Result<std::string> word();
  Result<std::string> quoted_string();
  /// A word or a quoted string.
  Result<std::string> name();
  /// Digits, letters, points and signs, with what stands in parentheses behind "nan".
  Result<std::string> number();
  Result<int64_t> integer();
  template <class T>
  Result<T> number_as();
  /// "f32[batch,3]"
  Result<ValueType> type();

  size_t position() const { return at_; }
  void back_to(size_t position) { at_ = position; }

 private:
  Result<Dim> extent();

  std::string_view text_;
  size_t at_ = 0;
};

/// The number in the text, which must be all of it and in range.
template <class T>
std::optional<T> parse_number(std::string_view text);

}  // namespace fovea
