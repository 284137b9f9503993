// A photo as rows, from the top down: of pixels in memory, or as a decoder makes them.
#pragma once

#include "fovea/result.h"
#include "image/image.h"

namespace fovea::image {

/// Rows that a source gives at once.
inline constexpr int64_t kSourceRows = 16;

/// What a source gives: `size` pixels, of which `width` by `height` (these and a part of the last ones) are the photo.
/// They are the same unless the photo was decoded at a fraction of its size.
struct Frame {
  Size size;
  double height = 0, width = 0;
};

class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual Frame frame() const = 0;
  /// The column of the first pixel that a row has.
  virtual int64_t first_column() const { return 0; }
  /// Rows y to y + count - 1 into `rows`, count at most kSourceRows; valid until the next call. kReadableAfter bytes
  /// are readable after the last pixel that was asked for. Precondition: y is not before the end of the call before.
  /// Error: the decoder's.
  virtual Result<void> read(int64_t y, int64_t count, const uint8_t** rows) = 0;
};

/// Pixels in memory.
class ViewSource : public RowSource {
 public:
  explicit ViewSource(ImageView photo, int64_t first_column = 0) : photo_(photo), first_column_(first_column) {}

  Frame frame() const override {
    return {photo_.size(), static_cast<double>(photo_.height), static_cast<double>(photo_.width)};
  }
  int64_t first_column() const override { return first_column_; }
  Result<void> read(int64_t y, int64_t count, const uint8_t** rows) override;

 private:
  ImageView photo_;
  int64_t first_column_;
  Image last_;  // rows whose overread would leave the photo's memory
};

}  // namespace fovea::image
