// Memory of photos.
#include "image/image.h"

#include <cstring>
#include <new>

#include "base/checked.h"
#include "base/error.h"
#include "base/system.h"

namespace fovea::image {

Result<Image> Image::allocate(int64_t height, int64_t width) {
  if (height <= 0 || width <= 0)
    return invalid_argument("an image of {}x{} pixels (width x height) has no pixels", width, height)
        .with_fix("both sides must be at least 1");
  const auto pixels = checked_mul(height, width);
  const auto bytes = pixels ? checked_mul(*pixels, 3) : std::nullopt;
  if (!bytes || *bytes > memory_limit() - kReadableAfter)
    return out_of_memory("an image of {}x{} pixels (width x height) is beyond the memory limit", width, height)
        .with_fix("use a smaller size, or raise FOVEA_MEMORY_LIMIT");
  Image image;
  image.data_.reset(new (std::nothrow) uint8_t[static_cast<size_t>(*bytes + kReadableAfter)]);
  if (image.data_ == nullptr)
    return out_of_memory("no memory for an image of {}x{} pixels (width x height)", width, height)
        .with_fix("use a smaller image or free some memory");
  std::memset(image.data_.get() + *bytes, 0, kReadableAfter);
  image.height_ = height;
  image.width_ = width;
  return image;
}

Result<Image> Image::clone() const {
  if (empty()) return Image();
  Image copy = FOVEA_TRY(allocate(height_, width_));
  std::memcpy(copy.data(), data(), static_cast<size_t>(bytes()));
  return copy;
}

}  // namespace fovea::image
