// Chooses the codec by the first bytes, and what the codecs share.
#include "image/decode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "base/checked.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "image/codec.h"
#include "image/orientation.h"

namespace fovea::image {
namespace {

constexpr std::string_view kConvert = "convert it to JPEG, PNG or WebP";

// What people feed by mistake; named so that they know what they have.
struct Signature {
  size_t offset;
  std::string_view magic;
  std::string_view name;
};
constexpr Signature kOthers[] = {
    {0, "GIF8", "a GIF image"},
    {0, "BM", "a BMP image"},
    {0, "II*\0", "a TIFF image"},
    {0, std::string_view("MM\0*", 4), "a TIFF image"},
    {4, "ftypavif", "an AVIF image"},
    {4, "ftypheic", "a HEIC image"},
    {4, "ftyp", "an MP4 or HEIF file"},
    {0, "\xff\x0a", "a JPEG XL image"},
    {4, "JXL ", "a JPEG XL image"},
    {4, "jP  ", "a JPEG 2000 image"},
    {0, "%PDF", "a PDF document"},
    {0, "<svg", "an SVG drawing"},
    {0, "<?xml", "an XML file"},
    {0, "<!DOCTYPE", "a web page"},
    {0, "<html", "a web page"},
    {0, "\x93NUMPY", "a NumPy array"},
    {0, "PK\x03\x04", "a ZIP archive"},
    {0, "\x1f\x8b", "a gzip archive"},
    {0, "version https://git-lfs", "a Git LFS pointer instead of the file"},
};

bool has_at(std::span<const std::byte> bytes, size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() && std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

}  // namespace

std::string_view name_of(Format format) {
  switch (format) {
    case Format::jpeg: return "JPEG";
    case Format::png: return "PNG";
    case Format::webp: return "WebP";
  }
  return "?";
}

Result<Format> recognize(std::span<const std::byte> bytes) {
  if (bytes.empty()) return invalid_image("the file is empty").with_fix("check how it was copied");
  if (has_at(bytes, 0, "\xff\xd8\xff")) return Format::jpeg;
  if (has_at(bytes, 0, "\x89PNG\r\n\x1a\n")) return Format::png;
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) return Format::webp;
  for (const Signature& other : kOthers)
    if (has_at(bytes, other.offset, other.magic))
      return invalid_image("this is {}", other.name).with_fix(std::string(kConvert));
  return invalid_image("these bytes are no JPEG, PNG or WebP image").with_fix(std::string(kConvert));
}

Result<void> check_size(int64_t height, int64_t width, const DecodeOptions& options) {
  if (height <= 0 || width <= 0)
    return invalid_image("the header announces {}x{} pixels (width x height)", width, height)
        .with_fix("the file is damaged: fetch or export it again");
  const auto pixels = checked_mul(height, width);
  if (!pixels || *pixels > options.pixel_limit)
    return invalid_image("{}x{} pixels (width x height) are more than the limit of {}", width, height,
                         options.pixel_limit)
        .with_fix("make the image smaller, or raise the pixel limit if you trust the file");
  return {};
}

Result<Image> allocate_photo(int64_t height, int64_t width, const DecodeOptions& options) {
  FOVEA_TRY(check_size(height, width, options));
  return Image::allocate(height, width);
}

Error truncated(std::string_view format) {
  return invalid_image("the {} data ends early: the file is truncated", format).with_fix("fetch or export it again");
}

Result<Image> decode(std::span<const std::byte> bytes, const DecodeOptions& options) {
  const Format format = FOVEA_TRY(recognize(bytes));
  Image image = FOVEA_TRY([&] {
    switch (format) {
      case Format::png: return decode_png(bytes, options);
      case Format::webp: return decode_webp(bytes, options);
      case Format::jpeg: break;
    }
    return decode_jpeg(bytes, options);
  }());
  if (!options.apply_orientation) return image;
  return oriented(std::move(image), exif_orientation(format, bytes));
}

Result<Image> read_image(const std::filesystem::path& path, const DecodeOptions& options) {
  const auto file = FOVEA_TRY(MappedFile::open(path));
  return FOVEA_TRY_AT(path.string(), decode(file->bytes(), options));
}

}  // namespace fovea::image
