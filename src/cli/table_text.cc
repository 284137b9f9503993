#include "cli/table_text.h"

#include <fstream>

#include <fmt/format.h>

#include "base/text_file.h"
#include "cli/console.h"
#include "cli/output.h"

namespace fovea::cli {

Result<std::optional<quantize::Table>> table_of(const std::filesystem::path& path) {
  const auto absent = std::optional<quantize::Table>();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return absent;
  // Models may be large: the name or the first bytes say whether it is worth reading.
  if (!quantize::table_format_of(path)) {
    std::ifstream file(path, std::ios::binary);
    char head[4] = {};
    file.read(head, sizeof head);
    if (std::string_view(head, sizeof head) != "TRT-") return absent;
  }
  const std::string bytes = FOVEA_TRY(read_text_file(path));
  const auto format = quantize::detect_table(bytes);
  if (!format) return absent;
  return std::optional(FOVEA_TRY_AT(path.string(), quantize::parse_table(bytes, *format)));
}

void write_table(std::ostream& out, const std::filesystem::path& path, const quantize::Table& table, Format format) {
  if (format == Format::json) {
    Json ranges = Json::array();
    for (const quantize::TableEntry& entry : table.entries)
      ranges.push_back({{"value", entry.name},
                        {"low", significant(entry.range.low, 8)},
                        {"high", significant(entry.range.high, 8)},
                        {"bins", entry.counts.size()}});
    write_json_line(
        out,
        {{"table", path.string()}, {"method", table.method}, {"ranges", std::move(ranges)}, {"notes", table.notes}});
    return;
  }
  out << fmt::format("{:<13}{}\n{:<13}{}\n{:<13}{}{}\n", "table", printable(path.string()), "method",
                     printable(table.method), "tensors", table.entries.size(),
                     table.magnitudes_only ? ", magnitudes only" : "");
  for (const quantize::TableEntry& entry : table.entries)
    out << fmt::format("{:>14.6g} {:>14.6g}  {}{}\n", entry.range.low, entry.range.high, printable(entry.name),
                       entry.counts.empty() ? "" : fmt::format("  ({} bins)", entry.counts.size()));
}

}  // namespace fovea::cli
