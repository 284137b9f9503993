// Photo files that give their rows one after the other, and only the part of them that is asked for.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "image/decode.h"
#include "image/resample.h"
#include "image/row_source.h"

namespace fovea::image {

class PhotoReader : public RowSource {
 public:
  /// Of a JPEG it reads the header; its rows are decoded as they are read. Other formats, CMYK and photos that are to
  /// be turned are decoded here and now. The bytes must outlive the reader. Error: as decode().
  static Result<std::unique_ptr<PhotoReader>> open(std::span<const std::byte> bytes, const DecodeOptions& options);
  /// Of pixels in memory, which must outlive it.
  static std::unique_ptr<PhotoReader> of(ImageView photo);

  /// The photo's own size.
  virtual Size size() const = 0;
  /// Whether it can be decoded at half, a quarter and an eighth of its size.
  virtual bool can_scale() const { return false; }
  /// What the photo is at 1 / divisor of its size (1, 2, 4, 8). Precondition: can_scale() unless divisor is 1.
  virtual Frame frame_at(int divisor) const = 0;
  /// Begins to decode; to be called once, before the first read(). Only pixels within `wanted`, of the frame, are read.
  /// They are the same whatever is wanted. Error: as decode().
  virtual Result<void> start(int divisor, const Rect& wanted) = 0;
  /// Looks at what was not read: a file that ends early is refused as decode() refuses it.
  virtual Result<void> finish() { return {}; }

  /// A fresh reader of the same photo, for another thread; this one must outlive it. Nothing where a second one would
  /// do most of the work again. Error: as open().
  virtual Result<std::unique_ptr<PhotoReader>> another() const = 0;
  /// What passing over a row takes, where decoding and resizing it takes 1: of what is in memory, nothing.
  virtual double skipping_cost(int /*divisor*/, const Rect& /*wanted*/) const { return 0; }
};

/// The largest divisor (1, 2, 4, 8) with which the photo still has `margin` times the pixels on each side of what it is
/// resized to, and so loses nothing that would be seen.
int scaled_divisor(Size photo, Size resized, double margin);

}  // namespace fovea::image
