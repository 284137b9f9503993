#include "image/photo_reader.h"

#include "image/codec.h"
#include "image/orientation.h"

namespace fovea::image {
namespace {

class ViewReader : public PhotoReader {
 public:
  explicit ViewReader(ImageView photo) : photo_(photo), rows_(photo) {}

  Size size() const override { return photo_.size(); }
  Frame frame_at(int) const override { return rows_.frame(); }
  Frame frame() const override { return rows_.frame(); }
  Result<void> start(int, const Rect&) override { return {}; }
  Result<void> read(int64_t y, int64_t count, const uint8_t** rows) override { return rows_.read(y, count, rows); }
  Result<std::unique_ptr<PhotoReader>> another() const override { return of(photo_); }

 private:
  ImageView photo_;
  ViewSource rows_;
};

// A photo that was decoded as a whole.
class ImageReader : public ViewReader {
 public:
  explicit ImageReader(Image image) : ViewReader(image.view()), image_(std::move(image)) {}

 private:
  Image image_;  // moving it leaves its pixels where they are
};

}  // namespace

Result<std::unique_ptr<PhotoReader>> PhotoReader::open(std::span<const std::byte> bytes, const DecodeOptions& options) {
  const Format format = FOVEA_TRY(recognize(bytes));
  const bool turned = options.apply_orientation && exif_orientation(format, bytes) != 1;
  if (format == Format::jpeg && !turned) {
    auto reader = FOVEA_TRY(open_jpeg(bytes, options));
    if (reader) return reader;
  }
  return std::unique_ptr<PhotoReader>(new ImageReader(FOVEA_TRY(decode(bytes, options))));
}

std::unique_ptr<PhotoReader> PhotoReader::of(ImageView photo) { return std::make_unique<ViewReader>(photo); }

int scaled_divisor(Size photo, Size resized, double margin) {
  int divisor = 8;
  const auto enough = [margin](int64_t from, int64_t to, int by) {
    return static_cast<double>(from) / by >= margin * static_cast<double>(to);
  };
  while (divisor > 1 && !(enough(photo.height, resized.height, divisor) && enough(photo.width, resized.width, divisor)))
    divisor /= 2;
  return divisor;
}

}  // namespace fovea::image
