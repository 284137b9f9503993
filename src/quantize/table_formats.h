// One reader and one writer for each format of calibration tables; table.h chooses among them.
#pragma once

#include "quantize/table.h"

namespace fovea::quantize {

Result<Table> parse_cache(std::string_view text);
Result<std::string> write_cache(const Table& table);
Result<Table> parse_flatbuffers(std::string_view bytes);
Result<std::string> write_flatbuffers(const Table& table);
Result<Table> parse_json(std::string_view text);
Result<std::string> write_json(const Table& table);
Result<Table> parse_tensorrt(std::string_view text);
Result<std::string> write_tensorrt(const Table& table);

/// The number as Python's repr() writes a float: the shortest digits that give it back, "1e-05", "3.0", "inf".
std::string python_number(double value);
/// A decimal number, all of the text. Nothing for anything else.
std::optional<double> parse_number(std::string_view text);
/// The number as a float; nothing where it is infinite or NaN, or becomes so.
std::optional<float> finite_float(double value);
/// Entries in the order of their names' bytes, as Python sorts them.
std::vector<const TableEntry*> sorted_entries(const Table& table);

/// What ONNX Runtime's defect does to a table, where numbers show it: a magnitude that is no positive number stands for
/// a range that reaches further down than up.
void note_lost_magnitudes(Table& table);

}  // namespace fovea::quantize
