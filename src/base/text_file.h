// Small text files, read whole.
#pragma once

#include <filesystem>
#include <string>

#include "fovea/result.h"

namespace fovea {

/// Error: not_found, io, invalid_argument for a file of more than 256 MiB: no configuration is that long.
Result<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace fovea
