// Forms of answers: JSON lines, CSV fields, numbers for people.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace fovea::cli {

/// Keeps the order in which fields are written.
using Json = nlohmann::ordered_json;

/// One object on a line of its own. Text that is no UTF-8 (names of files may be anything) gets replacement characters.
void write_json_line(std::ostream& out, const Json& object);

/// The number with this many significant digits: 0.1 and not 0.10000000149011612.
double significant(double value, int digits);

/// A CSV field, quoted where RFC 4180 asks for it.
std::string csv_field(std::string_view text);

/// "1.3 MB", "640 bytes".
std::string bytes_text(int64_t bytes);
/// "11.7 M", "123".
std::string count_text(int64_t count);

}  // namespace fovea::cli
