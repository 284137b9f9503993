#include "quantize/table.h"

#include <algorithm>
#include <array>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text_file.h"
#include "quantize/table_formats.h"

namespace fovea::quantize {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"cache", "flatbuffers", "json", "tensorrt"};

}  // namespace

std::string_view name_of(TableFormat format) { return kNames[static_cast<size_t>(format)]; }

std::optional<TableFormat> parse_table_format(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<TableFormat>(i);
  return std::nullopt;
}

const TableEntry* Table::find(std::string_view name) const {
  const auto it = std::ranges::find(entries, name, &TableEntry::name);
  return it == entries.end() ? nullptr : &*it;
}

std::optional<TableFormat> detect_table(std::string_view bytes) {
  if (bytes.starts_with("TRT-")) return TableFormat::tensorrt;
  if (const size_t first = bytes.find_first_not_of(" \t\r\n"); first != std::string_view::npos && bytes[first] == '{')
    return TableFormat::json;
  // Text has no bytes below the space but its line breaks; a flatbuffer begins with an offset, whose upper bytes are 0.
  const auto is_text = [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\r' || c == '\t';
  };
  if (!std::ranges::all_of(bytes, is_text)) {
    if (parse_flatbuffers(bytes).ok()) return TableFormat::flatbuffers;
    return std::nullopt;
  }
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const size_t space = line.rfind(' ');
  if (space == std::string_view::npos || !parse_number(line.substr(space + 1))) return std::nullopt;
  return TableFormat::cache;
}

std::optional<TableFormat> table_format_of(const std::filesystem::path& path) {
  const std::string suffix = path.extension().string();
  if (suffix == ".cache" || suffix == ".txt") return TableFormat::cache;
  if (suffix == ".flatbuffers" || suffix == ".fbs") return TableFormat::flatbuffers;
  if (suffix == ".json") return TableFormat::json;
  if (suffix == ".trt" || suffix == ".calib" || suffix == ".tensorrt") return TableFormat::tensorrt;
  return std::nullopt;
}

Result<Table> parse_table(std::string_view bytes, TableFormat format) {
  switch (format) {
    case TableFormat::cache: return parse_cache(bytes);
    case TableFormat::flatbuffers: return parse_flatbuffers(bytes);
    case TableFormat::json: return parse_json(bytes);
    case TableFormat::tensorrt: return parse_tensorrt(bytes);
  }
  return internal("no such format");
}

Result<std::string> write_table(const Table& table, TableFormat format) {
  switch (format) {
    case TableFormat::cache: return write_cache(table);
    case TableFormat::flatbuffers: return write_flatbuffers(table);
    case TableFormat::json: return write_json(table);
    case TableFormat::tensorrt: return write_tensorrt(table);
  }
  return internal("no such format");
}

Result<Table> read_table_file(const std::filesystem::path& path) {
  const std::string bytes = FOVEA_TRY(read_text_file(path));
  const auto format = detect_table(bytes);
  if (!format)
    return invalid_argument("this is no calibration table")
        .at(path.string())
        .with_fix("give a calibration.cache, .flatbuffers or .json of ONNX Runtime or a cache of TensorRT");
  return FOVEA_TRY_AT(path.string(), parse_table(bytes, *format));
}

Result<void> write_table_file(const Table& table, const std::filesystem::path& path,
                              std::optional<TableFormat> format) {
  if (!format) format = table_format_of(path);
  if (!format)
    return invalid_argument("the name does not say which kind of table it is")
        .at(path.string())
        .with_fix("end it in .cache, .flatbuffers, .json or .trt");
  const std::string bytes = FOVEA_TRY_AT(path.string(), write_table(table, *format));
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(bytes))};
  return write_file_atomically(path, parts);
}

}  // namespace fovea::quantize
