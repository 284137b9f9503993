#include "base/text_file.h"

#include "base/error.h"
#include "base/mapped_file.h"

namespace fovea {

Result<std::string> read_text_file(const std::filesystem::path& path) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  const auto file = FOVEA_TRY(MappedFile::open(path));
  const auto bytes = file->bytes();
  if (bytes.size() > kMaxBytes)
    return invalid_argument("{} bytes are too many for a text file", bytes.size()).at(path.string());
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace fovea
