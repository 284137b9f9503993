// The encoders behind test_files.h.
#include "image/test_files.h"

#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include <jpeglib.h>
#include <webp/encode.h>

namespace fovea::image::test {
namespace {

Bytes big(uint32_t value, int count) {
  Bytes out;
  for (int i = count - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
Bytes little(uint32_t value, int count) {
  Bytes out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

Bytes deflated(const Bytes& raw) {
  uLongf size = compressBound(raw.size());
  Bytes out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), raw.size(), 6);
  out.resize(size);
  return out;
}

Bytes riff_chunk(const Bytes& name, const Bytes& body) {
  return name + little(static_cast<uint32_t>(body.size()), 4) + body +
         (body.size() % 2 != 0 ? Bytes(1, '\0') : Bytes());
}

}  // namespace

Image speckled(int64_t height, int64_t width, unsigned seed) {
  Image image = *Image::allocate(height, width);
  std::mt19937 random(seed);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.row(y)[3 * x + c] = static_cast<uint8_t>(x * (c + 1) + y * 2 + static_cast<int64_t>(random() % 40));
  return image;
}

Bytes jpeg_file(int height, int width, const std::vector<uint8_t>& pixels, const JpegOptions& options) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = options.channels;
  jpeg.in_color_space = options.channels == 1 ? JCS_GRAYSCALE : options.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&jpeg);
  jpeg.restart_in_rows = options.restart_rows;
  jpeg.comp_info[0].h_samp_factor = options.channels == 3 ? options.h_sampling : 1;
  jpeg.comp_info[0].v_samp_factor = options.channels == 3 ? options.v_sampling : 1;
  jpeg_start_compress(&jpeg, TRUE);
  if (!options.exif.empty()) {
    const Bytes block = Bytes("Exif\0\0", 6) + options.exif;
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(block.data()),
                      static_cast<unsigned>(block.size()));
  }
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<uint8_t*>(pixels.data()) +
                static_cast<size_t>(jpeg.next_scanline) * static_cast<size_t>(width * options.channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes out(reinterpret_cast<const char*>(buffer), size);
  std::free(buffer);
  jpeg_destroy_compress(&jpeg);
  return out;
}

Bytes jpeg_file(const Image& image, const JpegOptions& options) {
  return jpeg_file(static_cast<int>(image.height()), static_cast<int>(image.width()),
                   {image.data(), image.data() + image.bytes()}, options);
}

Bytes png_chunk(const Bytes& name, const Bytes& body) {
  const Bytes both = name + body;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(both.data()), static_cast<uInt>(both.size()));
  return big(static_cast<uint32_t>(body.size()), 4) + both + big(static_cast<uint32_t>(sum), 4);
}

Bytes png_file(uint32_t height, uint32_t width, int color, int depth, const Bytes& rows, const Bytes& extra,
               bool interlaced) {
  const Bytes header = big(width, 4) + big(height, 4) + static_cast<char>(depth) + static_cast<char>(color) +
                       Bytes(2, '\0') + static_cast<char>(interlaced);
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + extra + png_chunk("IDAT", deflated(rows)) +
         png_chunk("IEND", {});
}

Bytes png_file(const Image& image, const Bytes& extra) {
  Bytes rows;
  for (int64_t y = 0; y < image.height(); ++y)
    rows += Bytes(1, '\0') + Bytes(reinterpret_cast<const char*>(image.row(y)), static_cast<size_t>(3 * image.width()));
  return png_file(static_cast<uint32_t>(image.height()), static_cast<uint32_t>(image.width()), 2, 8, rows, extra);
}

Bytes webp_file(const Image& image, bool lossless) {
  uint8_t* buffer = nullptr;
  const int width = static_cast<int>(image.width()), height = static_cast<int>(image.height());
  const size_t size = lossless ? WebPEncodeLosslessRGB(image.data(), width, height, 3 * width, &buffer)
                               : WebPEncodeRGB(image.data(), width, height, 3 * width, 80, &buffer);
  Bytes out(reinterpret_cast<const char*>(buffer), size);
  WebPFree(buffer);
  return out;
}

Bytes webp_animation(const Image& frame, int canvas_height, int canvas_width, int left, int top, const Bytes& exif) {
  const auto size_of_24 = [](int64_t value) { return little(static_cast<uint32_t>(value), 3); };
  constexpr int kAnimation = 2, kExif = 8;
  const Bytes bitstream = webp_file(frame, true).substr(12);
  const Bytes placed = size_of_24(left / 2) + size_of_24(top / 2) + size_of_24(frame.width() - 1) +
                       size_of_24(frame.height() - 1) + size_of_24(100) + Bytes(1, '\0') + bitstream;
  Bytes chunks = riff_chunk("VP8X", static_cast<char>(kAnimation | (exif.empty() ? 0 : kExif)) + Bytes(3, '\0') +
                                        size_of_24(canvas_width - 1) + size_of_24(canvas_height - 1));
  chunks += riff_chunk("ANIM", little(0xff804020u, 4) + little(0, 2));
  chunks += riff_chunk("ANMF", placed);
  if (!exif.empty()) chunks += riff_chunk("EXIF", exif);
  return "RIFF" + little(static_cast<uint32_t>(chunks.size() + 4), 4) + "WEBP" + chunks;
}

Bytes exif_block(int orientation, bool little_endian) {
  const auto put = [little_endian](uint32_t value, int count) {
    return little_endian ? little(value, count) : big(value, count);
  };
  return (little_endian ? "II" : "MM") + put(42, 2) + put(8, 4) + put(1, 2) + put(0x0112, 2) + put(3, 2) + put(1, 4) +
         put(static_cast<uint32_t>(orientation), 2) + put(0, 2) + put(0, 4);
}

}  // namespace fovea::image::test
