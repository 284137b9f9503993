// Calibration tables for people: what `fovea inspect TABLE` and `fovea table` show.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>

#include "cli/flags.h"
#include "quantize/table.h"

namespace fovea::cli {

/// The table of a file that is one; nothing for any other file. Error: for one that begins like a table and is damaged.
Result<std::optional<quantize::Table>> table_of(const std::filesystem::path& path);

void write_table(std::ostream& out, const std::filesystem::path& path, const quantize::Table& table, Format format);

}  // namespace fovea::cli
