#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace fovea {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return not_found("no such file").at(path.string());
    return io("cannot open: {}", std::strerror(errno)).at(path.string());
  }
  struct stat info {};
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  void* data = nullptr;
  Result<void> outcome;
  if (fstat(fd, &info) != 0) {
    outcome = io("cannot read its size: {}", std::strerror(errno));
  } else if (!S_ISREG(info.st_mode)) {
    outcome = invalid_argument("not a regular file");
  } else if (info.st_size > 0) {
    data = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) outcome = io("cannot map: {}", std::strerror(errno));
  }
  ::close(fd);
  if (!outcome) return std::move(outcome).error().at(path.string());
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = static_cast<size_t>(info.st_size);
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace fovea
