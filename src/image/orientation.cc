// Finds the EXIF block of a file, reads its orientation, turns photos.
#include "image/orientation.h"

#include <cstring>
#include <string_view>

namespace fovea::image {
namespace {

// Bytes with checked access: what lies outside reads as 0.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool has(uint64_t at, uint64_t count) const { return at <= bytes_.size() && count <= bytes_.size() - at; }
  bool has(uint64_t at, std::string_view text) const {
    return has(at, text.size()) && std::memcmp(bytes_.data() + at, text.data(), text.size()) == 0;
  }
  uint32_t little(uint64_t at, int count) const { return gather(at, count, true); }
  uint32_t big(uint64_t at, int count) const { return gather(at, count, false); }
  std::span<const std::byte> part(uint64_t at, uint64_t count) const {
    return has(at, count) ? bytes_.subspan(at, count) : std::span<const std::byte>();
  }

 private:
  uint32_t gather(uint64_t at, int count, bool little) const {
    if (!has(at, static_cast<uint64_t>(count))) return 0;
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const auto byte = static_cast<uint32_t>(bytes_[at + static_cast<uint64_t>(little ? count - 1 - i : i)]);
      value = value << 8 | byte;
    }
    return value;
  }
  std::span<const std::byte> bytes_;
};

constexpr std::string_view kExifPrefix("Exif\0\0", 6);

std::span<const std::byte> jpeg_exif(std::span<const std::byte> bytes) {
  const Reader in(bytes);
  uint64_t at = 2;
  while (in.has(at, 4)) {
    if (in.big(at, 1) != 0xff) return {};
    const uint32_t marker = in.big(at + 1, 1);
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) return {};  // scan, end
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const uint32_t length = in.big(at + 2, 2);
    if (length < 2) return {};
    if (marker == 0xe1 && length >= 8 && in.has(at + 4, kExifPrefix)) return in.part(at + 10, length - 8);
    at += 2 + uint64_t{length};
  }
  return {};
}

std::span<const std::byte> png_exif(std::span<const std::byte> bytes) {
  const Reader in(bytes);
  for (uint64_t at = 8; in.has(at, 8);) {
    const uint64_t length = in.big(at, 4);
    if (in.has(at + 4, "eXIf")) return in.part(at + 8, length);
    at += 12 + length;
  }
  return {};
}

std::span<const std::byte> webp_exif(std::span<const std::byte> bytes) {
  const Reader in(bytes);
  for (uint64_t at = 12; in.has(at, 8);) {
    const uint64_t length = in.little(at + 4, 4);
    if (in.has(at, "EXIF")) {
      const uint64_t skip = length >= 6 && in.has(at + 8, kExifPrefix) ? 6 : 0;
      return in.part(at + 8 + skip, length - skip);
    }
    at += 8 + length + length % 2;
  }
  return {};
}

// A TIFF header, then the entries of the first directory: tag, type, count, value.
int orientation_of(std::span<const std::byte> exif) {
  const Reader in(exif);
  const bool little = in.has(0, "II");
  if (!little && !in.has(0, "MM")) return 1;
  const auto read = [&](uint64_t at, int count) { return little ? in.little(at, count) : in.big(at, count); };
  if (read(2, 2) != 42) return 1;
  const uint64_t directory = read(4, 4);
  const uint32_t entries = read(directory, 2);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * uint64_t{i};
    if (!in.has(entry, 12)) return 1;
    if (read(entry, 2) != 0x0112) continue;
    const uint32_t type = read(entry + 2, 2), count = read(entry + 4, 4);
    const uint32_t value = type == 3 ? read(entry + 8, 2) : type == 4 ? read(entry + 8, 4) : 0;
    return count == 1 && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(Format format, std::span<const std::byte> bytes) {
  switch (format) {
    case Format::jpeg: return orientation_of(jpeg_exif(bytes));
    case Format::png: return orientation_of(png_exif(bytes));
    case Format::webp: return orientation_of(webp_exif(bytes));
  }
  return 1;
}

Result<Image> oriented(Image photo, int orientation) {
  if (orientation < 2 || orientation > 8) return photo;
  // The tag says where the stored photo's first row and column are to be seen; 5 to 8 also exchange the axes.
  const bool transposed = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t height = transposed ? photo.width() : photo.height();
  const int64_t width = transposed ? photo.height() : photo.width();
  Image upright = FOVEA_TRY(Image::allocate(height, width));
  // Square tiles, so that both photos are walked within the cache when the axes are exchanged.
  constexpr int64_t kTile = 64;
  for (int64_t y0 = 0; y0 < height; y0 += kTile)
    for (int64_t x0 = 0; x0 < width; x0 += kTile)
      for (int64_t y = y0; y < std::min(height, y0 + kTile); ++y)
        for (int64_t x = x0; x < std::min(width, x0 + kTile); ++x) {
          int64_t from_y = transposed ? x : y, from_x = transposed ? y : x;
          if (flip_y) from_y = photo.height() - 1 - from_y;
          if (flip_x) from_x = photo.width() - 1 - from_x;
          std::memcpy(upright.row(y) + 3 * x, photo.row(from_y) + 3 * from_x, 3);
        }
  return upright;
}

}  // namespace fovea::image
