// The folder where plans and timings are kept.
#include "plan_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string_view>

#include "plugin.h"

namespace fovea::plugin {
namespace {

namespace fs = std::filesystem;

/// Two 64-bit multiply-and-fold chains over 8 bytes at a time: fast enough for weights, and no defence against forgery.
class Hash {
 public:
  void add(std::string_view bytes) {
    add_word(bytes.size());
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      add_word(word);
    }
    uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    add_word(rest);
  }
  std::string text() const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const uint64_t half : {a_, b_})
      for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[half >> shift & 15];
    return text;
  }

 private:
  static uint64_t fold(uint64_t x, uint64_t factor) {
    x *= factor;
    return x ^ (x >> 32);
  }
  void add_word(uint64_t word) {
    a_ = fold(a_ ^ word, 0x9e3779b97f4a7c15);
    b_ = fold(b_ + word, 0xd6e8feb86659fd93);
  }
  uint64_t a_ = 0x243f6a8885a308d3, b_ = 0x13198a2e03707344;
};

class MappedFile {
 public:
  explicit MappedFile(const fs::path& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
      if (file >= 0) close(file);
      fail(FOVEA_NOT_FOUND, path.string() + " cannot be read", "check the path");
    }
    size_ = static_cast<size_t>(status.st_size);
    if (size_ > 0) data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (data_ == MAP_FAILED) fail(FOVEA_IO, path.string() + " cannot be mapped");
  }
  ~MappedFile() {
    if (data_) munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

/// The files that entries of external data name: in the wire format {1: "location", 2: path}.
std::set<std::string> external_files(std::string_view model) {
  using namespace std::string_view_literals;
  constexpr std::string_view kEntry = "\x0a\x08location\x12"sv;
  std::set<std::string> files;
  for (size_t at = 0; (at = model.find(kEntry, at)) != std::string_view::npos;) {
    at += kEntry.size();
    if (at >= model.size()) break;
    const auto length = static_cast<unsigned char>(model[at]);  // longer than 127: two bytes, and no name of a file
    if (length < 128) files.emplace(model.substr(at + 1, length));
  }
  return files;
}

std::vector<char> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// By a temporary file, so that a reader sees all of it or none. A cache that cannot be written is none.
void write_file(const fs::path& path, std::span<const char> bytes) {
  std::string draft = path.string() + ".XXXXXX";
  const int file = mkstemp(draft.data());
  if (file < 0) return;
  bool good = true;
  while (good && !bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    good = written > 0;
    if (good) bytes = bytes.subspan(static_cast<size_t>(written));
  }
  good = fsync(file) == 0 && good;
  good = close(file) == 0 && good;
  if (!good || rename(draft.c_str(), path.c_str()) != 0) unlink(draft.c_str());
}

}  // namespace

std::string fingerprint(const fs::path& model) {
  const MappedFile file(model);
  Hash hash;
  hash.add(file.bytes());
  for (const std::string& name : external_files(file.bytes())) {
    hash.add(name);
    hash.add(MappedFile(model.parent_path() / name).bytes());
  }
  return hash.text();
}

PlanCache::PlanCache(const std::string& folder) {
  if (folder.empty()) return;
  folder_ = fs::path(folder) / "tensorrt";
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed)
    fail(FOVEA_IO, folder_.string() + " cannot be made: " + failed.message(), "give --cache a folder to write to");
}

fs::path PlanCache::plan_file(const std::string& model, const std::string& key) const {
  Hash hash;
  hash.add(key);
  return folder_ / (fs::path(model).stem().string() + "-" + hash.text() + ".plan");
}

std::vector<char> PlanCache::read_plan(const std::string& model, const std::string& key) const {
  return folder_.empty() ? std::vector<char>() : read_file(plan_file(model, key));
}

void PlanCache::write_plan(const std::string& model, const std::string& key, const std::vector<char>& plan) const {
  if (!folder_.empty()) write_file(plan_file(model, key), plan);
}

std::vector<char> PlanCache::read_timings(const std::string& device) const {
  return folder_.empty() ? std::vector<char>() : read_file(folder_ / (device + ".timings"));
}

void PlanCache::write_timings(const std::string& device, const std::vector<char>& timings) const {
  if (!folder_.empty() && !timings.empty()) write_file(folder_ / (device + ".timings"), timings);
}

}  // namespace fovea::plugin
