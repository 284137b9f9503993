// Image files in memory for the tests, written with the codecs' own encoders or byte by byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "image/image.h"

namespace fovea::image::test {

using Bytes = std::string;

inline std::span<const std::byte> span_of(const Bytes& bytes) { return std::as_bytes(std::span(bytes)); }

/// RGB noise over a gradient: neither trivial to compress nor pure chance.
Image speckled(int64_t height, int64_t width, unsigned seed = 1);

struct JpegOptions {
  int channels = 3;  // 1 grey, 3 RGB, 4 CMYK
  int quality = 90;
  bool progressive = false;
  int h_sampling = 2, v_sampling = 2;  // of the first channel
  int restart_rows = 0;                // rows of blocks between restart markers; 0: none
  Bytes exif = {};                     // TIFF block, without "Exif\0\0"
};
/// `pixels`: height * width * channels bytes.
Bytes jpeg_file(int height, int width, const std::vector<uint8_t>& pixels, const JpegOptions& options = {});
Bytes jpeg_file(const Image& image, const JpegOptions& options = {});

/// One chunk with its length and checksum.
Bytes png_chunk(const Bytes& name, const Bytes& body);
/// `rows`: filter byte and raw bytes of each row. `extra`: chunks between the header and the pixels.
Bytes png_file(uint32_t height, uint32_t width, int color, int depth, const Bytes& rows, const Bytes& extra = {},
               bool interlaced = false);
Bytes png_file(const Image& image, const Bytes& extra = {});

Bytes webp_file(const Image& image, bool lossless);
/// An animation of one frame at (left, top), both even, of a canvas; with an EXIF chunk where `exif` is not empty.
Bytes webp_animation(const Image& frame, int canvas_height, int canvas_width, int left, int top,
                     const Bytes& exif = {});

/// A TIFF block with nothing but an orientation.
Bytes exif_block(int orientation, bool little_endian = true);

}  // namespace fovea::image::test
