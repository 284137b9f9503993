// Text in columns: the width that UTF-8 takes on a terminal, padding, wrapping, and figures for people.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::bench {

/// Columns that the text takes on a terminal: combining marks take none, East Asian wide characters and emoji two. A
/// byte that is no UTF-8 takes one.
int columns_of(std::string_view utf8);

/// Filled with spaces to `columns`; longer text stays as it is.
std::string pad_right(std::string_view text, int columns);
std::string pad_left(std::string_view text, int columns);

/// The text, or as much of it as fits before a "…".
std::string shorten(std::string_view text, int columns);

/// Lines of at most `columns`, broken at spaces; a longer word is broken where it must be. At least one line.
std::vector<std::string> wrap(std::string_view text, int columns);

/// Control characters become spaces and bytes that are no UTF-8 become U+FFFD: names and reasons come from outside, and
/// must not drive a terminal or break a page.
std::string printable_utf8(std::string_view text);

/// Text that stays text within HTML and within its quoted attributes.
std::string html_text(std::string_view text);

/// Digits after the point with which the smallest of the times still has three significant ones, at most 4.
int decimals_for(double smallest);

std::string fixed_text(double value, int decimals);  // "12.30"; "-" for what is no number
std::string short_text(double value);                // three significant digits, no exponent: "0.045", "1230"
std::string error_text(double value);                // "1.2e-06", "0", "inf"
std::string percent_text(double share);              // "87 %"

/// "1 thread", "2 threads".
std::string counted(int64_t count, std::string_view singular);

/// `part` of `whole` as a bar of block characters, an eighth of a column exact.
std::string bar_text(double part, double whole, int columns);

}  // namespace fovea::bench
