// A file mapped read-only into memory; tensors that point into it keep it alive.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "fovea/result.h"

namespace fovea {

class MappedFile {
 public:
  /// Error: not_found, io; a path that is no regular file (a FIFO, a device) is refused, never waited for.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

  /// Gives the memory of whole pages within these bytes back, if they lie in a mapped file: who reads them again gets
  /// them from the file. Elsewhere it does nothing.
  static void release_pages(const void* bytes, size_t size);

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace fovea
