// What the three codecs share. Each decodes one format to RGB; decode.cc chooses.
#pragma once

#include <cstddef>
#include <span>

#include "image/decode.h"
#include "image/photo_reader.h"

namespace fovea::image {

/// Error: invalid_image for a size without pixels, or with more than the limit.
Result<void> check_size(int64_t height, int64_t width, const DecodeOptions& options);
/// Memory for a photo whose header announces this size. Error: invalid_image where it has no pixels or more than the
/// limit; out_of_memory.
Result<Image> allocate_photo(int64_t height, int64_t width, const DecodeOptions& options);

/// The error of a file that ends early.
Error truncated(std::string_view format);

Result<Image> decode_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options);
/// A JPEG row by row; nothing for the kinds that only decode_jpeg takes (CMYK).
Result<std::unique_ptr<PhotoReader>> open_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> decode_png(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> decode_webp(std::span<const std::byte> bytes, const DecodeOptions& options);

}  // namespace fovea::image
