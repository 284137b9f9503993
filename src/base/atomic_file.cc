#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"

namespace fovea {
namespace {

Error failed(const char* what, const std::filesystem::path& path) {
  return io("cannot {}: {}", what, std::strerror(errno)).at(path.string());
}

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> write_file_atomically(const std::filesystem::path& path,
                                   std::span<const std::span<const std::byte>> parts) {
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return failed("create a file", path);
  const auto give_up = [&](const char* what) {
    const Error error = failed(what, path);
    ::close(fd);
    ::unlink(temporary.c_str());
    return error;
  };
  for (const auto& part : parts)
    if (!write_all(fd, part)) return give_up("write");
  // mkstemp's files are private; a result is as readable as the user's umask makes other files.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, 0666 & ~mask) != 0) return give_up("set the mode");
  if (::fsync(fd) != 0) return give_up("sync");
  if (::close(fd) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = failed("rename", path);
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace fovea
