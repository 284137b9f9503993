// JPEG by libjpeg-turbo, as a whole, with the settings that Pillow uses.
#include <algorithm>
#include <memory>
#include <new>

#include "base/error.h"
#include "image/codec.h"
#include "image/jpeg_session.h"

namespace fovea::image {
namespace {

uint8_t divided_by_255(int product) {
  const int rounded = product + 128;
  return static_cast<uint8_t>((rounded + (rounded >> 8)) >> 8);
}

// Adobe writes ink inverted, so what is stored is what is left of the paper's white: Pillow inverts all of it, with or
// without Adobe's marker, and then takes c' * k' / 255 off k' = 255 - k.
void cmyk_to_rgb(const uint8_t* cmyk, int64_t width, uint8_t* rgb) {
  for (int64_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(white - divided_by_255((255 - cmyk[c]) * white));
  }
}

}  // namespace

Result<Image> decode_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options) {
  JpegSession session(bytes);
  FOVEA_TRY(session.open());
  j_decompress_ptr jpeg = session.jpeg();
  const int64_t height = jpeg->image_height, width = jpeg->image_width;
  Image image = FOVEA_TRY(allocate_photo(height, width, options));

  const bool cmyk = jpeg->num_components == 4;
  jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  std::unique_ptr<uint8_t[]> inks(cmyk ? new (std::nothrow) uint8_t[static_cast<size_t>(4 * width)] : nullptr);
  if (cmyk && !inks) return out_of_memory("no memory for a row of {} pixels", width).with_fix("free some memory");
  const bool done = session.run([&](j_decompress_ptr j) {
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
      const auto y = static_cast<int64_t>(j->output_scanline);
      JSAMPROW row = cmyk ? inks.get() : image.row(y);
      jpeg_read_scanlines(j, &row, 1);
      if (cmyk) cmyk_to_rgb(inks.get(), width, image.row(y));
    }
    jpeg_finish_decompress(j);  // reads up to the end marker: a file without it is truncated
  });
  if (!done) return session.error();
  return image;
}

}  // namespace fovea::image
