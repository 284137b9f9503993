#include "bench/temp_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace fovea::bench {

Result<TempFolder> TempFolder::make() {
  std::error_code failed;
  std::string path = (std::filesystem::temp_directory_path(failed) / "fovea-bench-XXXXXX").string();
  if (failed) return io("there is no folder for temporary files: {}", failed.message()).with_fix("set TMPDIR");
  if (!mkdtemp(path.data()))
    return io("cannot make a folder: {}", std::error_code(errno, std::generic_category()).message())
        .at(path)
        .with_fix("set TMPDIR to a folder that can be written");
  return TempFolder(path);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace fovea::bench
