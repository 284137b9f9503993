// What an engine file holds, for people and programs.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "backends/native/native.h"
#include "cli/console.h"
#include "cli/flags.h"
#include "cli/output.h"

namespace fovea::cli {

void write_engine_text(std::ostream& out, const std::string& path, const backends::CompiledFile& file);
Json engine_json(const std::string& path, const backends::CompiledFile& file, std::optional<double> ms);

/// fovea inspect of an engine file.
int inspect_engine(const std::string& path, Format format, Console& console);

}  // namespace fovea::cli
