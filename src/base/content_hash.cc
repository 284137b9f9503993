#include "base/content_hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"

namespace fovea {
namespace {

// Odd numbers without a pattern: digits of pi's fraction.
constexpr uint64_t kSecret[8] = {0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1, 0x082efa98ec4e6c89,
                                 0x452821e638d01377, 0xbe5466cf34e90c6d, 0xc0ac29b7c97c50dd, 0x3f84d5b5b5470917};

uint64_t word(const std::byte* p) {
  uint64_t w;
  std::memcpy(&w, p, 8);
  return w;
}

/// The 128-bit product of two words, its halves folded together.
uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

uint64_t hash_stretch(std::span<const std::byte> bytes, uint64_t seed) {
  const std::byte* p = bytes.data();
  size_t rest = bytes.size();
  uint64_t lanes[4];
  for (int i = 0; i < 4; ++i) lanes[i] = fold(seed ^ kSecret[i], kSecret[i + 4]);
  for (; rest >= 64; p += 64, rest -= 64)
    for (int i = 0; i < 4; ++i) lanes[i] = fold(word(p + 16 * i) ^ kSecret[i], word(p + 16 * i + 8) ^ lanes[i]);
  if (rest > 0) {
    std::byte tail[64] = {};
    std::memcpy(tail, p, rest);
    for (int i = 0; i < 4; ++i)
      lanes[i] = fold(word(tail + 16 * i) ^ kSecret[i + 4], word(tail + 16 * i + 8) ^ lanes[i]);
  }
  uint64_t hash = fold(bytes.size() ^ kSecret[0], kSecret[1]);
  for (uint64_t lane : lanes) hash = fold(hash ^ kSecret[2], lane ^ kSecret[3]);
  return hash;
}

uint64_t combine_hashes(std::span<const uint64_t> stretches, uint64_t bytes) {
  return hash_stretch(std::as_bytes(stretches), bytes ^ kSecret[7]);
}

uint64_t content_hash(std::span<const std::byte> bytes) {
  std::vector<uint64_t> hashes;
  for (size_t at = 0; at < bytes.size(); at += kHashStretch)
    hashes.push_back(hash_stretch(bytes.subspan(at, std::min(kHashStretch, bytes.size() - at)), hashes.size()));
  return combine_hashes(hashes, bytes.size());
}

Result<uint64_t> content_hash(const std::filesystem::path& file, int threads) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return io("cannot open: {}", std::strerror(errno)).at(file.string());
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return io("not a regular file").at(file.string());
  }
  const auto size = static_cast<size_t>(info.st_size), stretches = (size + kHashStretch - 1) / kHashStretch;
  std::vector<uint64_t> hashes(stretches);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    std::vector<std::byte> buffer(std::min(size, kHashStretch));
    for (size_t i = next++; i < stretches; i = next++) {
      const size_t begin = i * kHashStretch, length = std::min(kHashStretch, size - begin);
      size_t got = 0;
      while (got < length) {
        const ssize_t n = ::pread(fd, buffer.data() + got, length - got, static_cast<off_t>(begin + got));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        got += static_cast<size_t>(n);
      }
      if (got < length) failed = true;
      hashes[i] = hash_stretch(std::span(buffer).first(got), i);
    }
  };
  {
    ThreadPool pool(stretches > 4 ? threads : 1);
    pool.parallel_for(pool.size(), 1, [&](int64_t, int64_t, int) { work(); });
  }
  ::close(fd);
  if (failed) return io("cannot read it to its end").at(file.string());
  return combine_hashes(hashes, size);
}

std::string to_hex(uint64_t hash) { return fmt::format("{:016x}", hash); }

}  // namespace fovea
