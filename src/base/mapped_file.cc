#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "base/error.h"

namespace fovea {
namespace {

/// Where files are mapped now, by address.
struct Mappings {
  std::mutex mutex;
  std::map<uintptr_t, size_t> sizes;
};
Mappings& mappings() {
  static Mappings& all = *new Mappings;  // outlives tensors in static variables
  return all;
}

}  // namespace

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
  if (data != nullptr) {
    const std::lock_guard lock(mappings().mutex);
    mappings().sizes[reinterpret_cast<uintptr_t>(data)] = file->size_;
  }
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  {
    const std::lock_guard lock(mappings().mutex);
    mappings().sizes.erase(reinterpret_cast<uintptr_t>(data_));
  }
  munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release_pages(const void* bytes, size_t size) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(bytes);
  const uintptr_t first = (begin + page - 1) & ~(page - 1), last = (begin + size) & ~(page - 1);
  if (last <= first) return;
  const std::lock_guard lock(mappings().mutex);
  auto it = mappings().sizes.upper_bound(begin);
  if (it == mappings().sizes.begin()) return;
  --it;
  // Only pages of a private mapping that nobody can have written: dropping them loses nothing.
  if (begin + size <= it->first + it->second) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace fovea
