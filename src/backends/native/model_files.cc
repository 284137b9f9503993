#include "backends/native/model_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include "base/atomic_file.h"
#include "base/content_hash.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "cpu/byte_stream.h"

namespace fovea::backends {
namespace {

/// What the file system says of a file, and its hash.
struct Note {
  std::string path;
  uint64_t device = 0, inode = 0, size = 0;
  int64_t changed_s = 0, changed_ns = 0, modified_s = 0, modified_ns = 0;
  uint64_t hash = 0;

  bool same_file(const Note& other) const {
    return path == other.path && device == other.device && inode == other.inode && size == other.size &&
           changed_s == other.changed_s && changed_ns == other.changed_ns && modified_s == other.modified_s &&
           modified_ns == other.modified_ns;
  }
};

Result<Note> look_at(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno == ENOENT) return not_found("no such file").at(file.string());
    return io("cannot look at it: {}", std::strerror(errno)).at(file.string());
  }
  Note note;
  note.path = file.string();
  note.device = info.st_dev;
  note.inode = info.st_ino;
  note.size = static_cast<uint64_t>(info.st_size);
  note.changed_s = info.st_ctim.tv_sec, note.changed_ns = info.st_ctim.tv_nsec;
  note.modified_s = info.st_mtim.tv_sec, note.modified_ns = info.st_mtim.tv_nsec;
  return note;
}

Result<std::vector<Note>> parse_notes(std::span<const std::byte> bytes) {
  if (bytes.size() < 8) return invalid_model("too short");
  uint64_t hash;
  std::memcpy(&hash, bytes.data(), 8);
  bytes = bytes.subspan(8);
  if (hash != content_hash(bytes)) return invalid_model("damaged");
  cpu::ByteReader in(bytes);
  std::vector<Note> notes(FOVEA_TRY(in.count(9)));
  for (Note& note : notes) {
    note.path = FOVEA_TRY(in.text());
    for (uint64_t* n : {&note.device, &note.inode, &note.size, &note.hash}) *n = FOVEA_TRY(in.number());
    for (int64_t* n : {&note.changed_s, &note.changed_ns, &note.modified_s, &note.modified_ns})
      *n = FOVEA_TRY(in.signed_number());
  }
  return notes;
}

std::vector<Note> read_notes(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (!file.ok()) return {};
  auto notes = parse_notes((*file)->bytes());
  return notes.ok() ? std::move(notes).value() : std::vector<Note>();
}

/// Without them the files are hashed again: no error.
void write_notes(const std::filesystem::path& path, const std::vector<Note>& notes) {
  cpu::ByteWriter out;
  out.number(notes.size());
  for (const Note& note : notes) {
    out.text(note.path);
    for (uint64_t n : {note.device, note.inode, note.size, note.hash}) out.number(n);
    for (int64_t n : {note.changed_s, note.changed_ns, note.modified_s, note.modified_ns}) out.signed_number(n);
  }
  const std::vector<std::byte> bytes = std::move(out).take();
  const uint64_t hash = content_hash(bytes);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(&hash, 1)), bytes};
  (void)write_file_atomically(path, parts);
}

/// Whether another change could leave the same times: clocks of file systems are coarse.
bool just_changed(const Note& note) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::max(note.changed_s, note.modified_s) + 2 >= now.tv_sec;
}

}  // namespace

Result<std::string> hash_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& notes,
                               int threads) {
  const std::vector<Note> known = read_notes(notes);
  std::vector<Note> fresh;
  std::vector<uint64_t> hashes;
  bool all_known = true;
  for (const std::filesystem::path& file : files) {
    Note note = FOVEA_TRY(look_at(file));
    const auto same = std::ranges::find_if(known, [&](const Note& k) { return k.same_file(note); });
    if (same != known.end()) {
      note.hash = same->hash;
      fresh.push_back(note);
    } else {
      note.hash = FOVEA_TRY(content_hash(file, threads));
      const Note after = FOVEA_TRY(look_at(file));
      if (after.same_file(note) && !just_changed(note)) {
        fresh.push_back(note);
        all_known = false;
      }
    }
    hashes.push_back(note.hash);
  }
  if (!all_known) write_notes(notes, fresh);
  return to_hex(combine_hashes(hashes, files.size()));
}

Result<int64_t> last_change(const std::filesystem::path& file) {
  const Note note = FOVEA_TRY(look_at(file));
  return std::max(note.changed_s, note.modified_s);
}

}  // namespace fovea::backends
