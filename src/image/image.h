// An RGB photo in memory: 8 bits a channel, interleaved, rows without gaps; owned (Image) or borrowed (ImageView).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "fovea/result.h"

namespace fovea::image {

/// Extents in pixels.
struct Size {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const Size&) const = default;
};

/// Bytes that an Image has after its last pixel, so that vector loads need no special case at the end.
inline constexpr int64_t kReadableAfter = 16;

/// Borrowed pixels: `height` rows of `width` RGB triples, the rows `stride` bytes apart (stride >= 3 * width).
struct ImageView {
  const uint8_t* data = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t stride = 0;
  int64_t readable_after = 0;  // bytes that may be read after the last pixel

  Size size() const { return {height, width}; }
  const uint8_t* row(int64_t y) const { return data + y * stride; }
};

/// Owned pixels. Moving is cheap; copying is said aloud (clone).
class Image {
 public:
  Image() = default;

  /// Pixels of no particular value. Error: a side that is not positive, or memory that is not there.
  static Result<Image> allocate(int64_t height, int64_t width);
  Result<Image> clone() const;

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  Size size() const { return {height_, width_}; }
  bool empty() const { return data_ == nullptr; }
  /// Bytes of all pixels; rows are 3 * width apart.
  int64_t bytes() const { return height_ * width_ * 3; }

  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }
  uint8_t* row(int64_t y) { return data_.get() + y * width_ * 3; }
  const uint8_t* row(int64_t y) const { return data_.get() + y * width_ * 3; }
  ImageView view() const { return {data_.get(), height_, width_, width_ * 3, kReadableAfter}; }

 private:
  std::unique_ptr<uint8_t[]> data_;
  int64_t height_ = 0;
  int64_t width_ = 0;
};

}  // namespace fovea::image
