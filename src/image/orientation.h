// EXIF orientation: where the three formats keep it, and turning a photo by it.
#pragma once

#include <cstddef>
#include <span>

#include "image/decode.h"

namespace fovea::image {

/// The orientation tag (1 to 8) of a JPEG's APP1, a PNG's eXIf chunk or a WebP's EXIF chunk; 1 where there is none, or
/// none that makes sense: a damaged EXIF block is no reason to refuse a photo.
int exif_orientation(Format format, std::span<const std::byte> bytes);

/// The photo turned upright, as Pillow's ImageOps.exif_transpose does it. Orientation 1 and unknown ones change
/// nothing.
Result<Image> oriented(Image photo, int orientation);

}  // namespace fovea::image
