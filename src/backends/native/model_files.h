// Whether a model is still the one that an engine was made from: a hash over its files, which is not computed anew
// while the file system says that nothing has changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fovea/result.h"

namespace fovea::backends {

/// The hash of the files' contents, in hexadecimal. `notes` is a small file of fovea's own that remembers the hash of
/// each file beside its device, inode, size and times; it is written where it does not know them. A file that has just
/// changed is hashed each time: its times might not tell the next change. Error: io, not_found, naming the file.
Result<std::string> hash_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& notes,
                               int threads);

/// When the file or what the file system says of it changed last, in seconds since 1970. Error: io, not_found.
Result<int64_t> last_change(const std::filesystem::path& file);

}  // namespace fovea::backends
