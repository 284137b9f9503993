// Photo files to RGB pixels: JPEG, PNG and WebP, as Pillow's Image.open(file).convert("RGB") gives them, pixel for
// pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "fovea/result.h"
#include "image/image.h"

namespace fovea::image {

enum class Format : uint8_t { jpeg, png, webp };
std::string_view name_of(Format format);

struct DecodeOptions {
  /// Turn the photo as its EXIF orientation says (1 to 8). Off by default: timm and Pillow's Image.open do not, either.
  bool apply_orientation = false;
  /// Photos with more pixels are refused from their header, before memory is taken for them. The default is where
  /// Pillow refuses (DecompressionBombError): twice its warning level of 89,478,485.
  int64_t pixel_limit = 178'956'970;
};

/// The format by its first bytes; names of files do not count. Error: invalid_image, naming what it looks like instead.
Result<Format> recognize(std::span<const std::byte> bytes);

/// The whole photo, of an animation the first frame. Transparency is dropped without compositing, 16-bit grey is
/// clipped to 255, 16-bit colour keeps its high byte, CMYK is taken as Adobe writes it (inverted). Error: invalid_image
/// (no photo, damaged, truncated, too many pixels), unsupported (a variant that the codec lacks), out_of_memory.
Result<Image> decode(std::span<const std::byte> bytes, const DecodeOptions& options = {});

/// decode() of a file, its name in the error. Error: also not_found, io; what is no regular file is refused.
Result<Image> read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

}  // namespace fovea::image
