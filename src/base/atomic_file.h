// Writing files so that a reader, a crash or a full disk never sees half of one.
#pragma once

#include <filesystem>
#include <span>

#include "fovea/result.h"

namespace fovea {

/// Writes the parts one after the other into a temporary file beside `path`, makes sure that they are on the disk, and
/// renames it to `path`. Error: io, with nothing changed.
Result<void> write_file_atomically(const std::filesystem::path& path,
                                   std::span<const std::span<const std::byte>> parts);

}  // namespace fovea
