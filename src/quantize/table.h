// Calibration tables: the range of each tensor by name, in the files of ONNX Runtime and TensorRT.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/range.h"

namespace fovea::quantize {

enum class TableFormat : uint8_t {
  cache,        // ONNX Runtime's calibration.cache: text, "name range"
  flatbuffers,  // ONNX Runtime's calibration.flatbuffers, which its TensorRT provider reads
  json,         // ONNX Runtime's calibration.json: low and high, with histograms where they were kept
  tensorrt,     // TensorRT's own cache up to version 10: "name: " and the scale as eight hex digits
};
/// "cache", "flatbuffers", "json", "tensorrt".
std::string_view name_of(TableFormat format);
std::optional<TableFormat> parse_table_format(std::string_view name);

struct TableEntry {
  std::string name;
  Range range;  // where the format knows but a magnitude m: [-m, m]
  /// ONNX Runtime writes its numbers as scalars or as arrays of one; kept so that a file is written as it was read.
  bool low_is_array = false, high_is_array = false;
  std::vector<int64_t> counts;  // a histogram (JSON only): counts, and their edges, one more
  std::vector<float> edges;
  bool operator==(const TableEntry&) const = default;
};

struct Table {
  std::vector<TableEntry> entries;
  std::string method = "MinMax";  // JSON: MinMax, Entropy, Percentile, Distribution. TensorRT: EntropyCalibration2, ...
  int tensorrt_version = 8601;    // of the first line, TRT-8601-...
  bool magnitudes_only = false;   // read from a format that has but one number a tensor
  /// What is odd about it, for people.
  std::vector<std::string> notes;

  const TableEntry* find(std::string_view name) const;
};

/// Which format the bytes have; nothing where they are no table.
std::optional<TableFormat> detect_table(std::string_view bytes);
/// The format that a file's name asks for: .cache, .txt; .flatbuffers, .fbs; .json; .trt, .calib, .tensorrt.
std::optional<TableFormat> table_format_of(const std::filesystem::path& path);

/// Error: invalid_argument, saying which line or what of it is wrong.
Result<Table> parse_table(std::string_view bytes, TableFormat format);
/// The bytes of the file that ONNX Runtime 1.31 (or TensorRT) writes for these numbers; but where ONNX Runtime writes
/// max(low, high) into cache and flatbuffers, which loses a range that reaches further down than up, the largest
/// magnitude is written. Error: invalid_argument for names that the format cannot hold.
Result<std::string> write_table(const Table& table, TableFormat format);

/// Reads a file of any format. Error: not_found, io, invalid_argument, naming the file.
Result<Table> read_table_file(const std::filesystem::path& path);
/// Writes it whole or not at all, in the format of its name unless another is given. Error: invalid_argument where the
/// name says none; io.
Result<void> write_table_file(const Table& table, const std::filesystem::path& path,
                              std::optional<TableFormat> format = std::nullopt);

}  // namespace fovea::quantize
