// Pillow's Image.resize for RGB photos, with the same pixels as Pillow gives.
#pragma once

#include <functional>
#include <string_view>

#include "fovea/result.h"
#include "image/image.h"
#include "image/row_source.h"

namespace fovea::image {

/// Pillow's filters.
enum class Interpolation : uint8_t { nearest, box, bilinear, hamming, bicubic, lanczos };

std::string_view name_of(Interpolation interpolation);
/// The names that timm writes: "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos". Error: any other name.
Result<Interpolation> parse_interpolation(std::string_view name);
/// Pillow's numbers, as `resample` in transformers' files has them: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box,
/// 5 hamming. Error: any other number.
Result<Interpolation> interpolation_of_pillow(int64_t code);

/// A rectangle in pixels: rows top to top + height, columns left to left + width.
struct Rect {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

/// How the pixels of a resized photo are computed.
enum class ResizeMode : uint8_t {
  exact,        // Pillow's pixels: rounded to bytes between the two passes
  single_pass,  // clipped, but not rounded in between: a level from Pillow's at most, on photos
  scaled,       // as single_pass, from a JPEG that was decoded at a fraction of its size where that is enough
};
/// "exact", "float", "scaled".
std::string_view name_of(ResizeMode mode);
/// Error: any other name.
Result<ResizeMode> parse_resize_mode(std::string_view name);

/// The photo at another size, as Pillow gives it. Error: a side that is not positive, or out_of_memory.
Result<Image> resize(ImageView photo, Size size, Interpolation interpolation);

/// A part of a photo at another size.
struct Resizing {
  Size size;  // of the whole
  Interpolation interpolation = Interpolation::bicubic;
  Rect part;  // what is wanted of it: within `size`, not empty
  ResizeMode mode = ResizeMode::exact;
};

/// Takes row y of the part, 3 * part.width bytes. Rows come in their order.
using RowSink = std::function<void(int64_t y, const uint8_t* rgb)>;

/// The pixels of a frame that the part is made of. Error: out_of_memory.
Result<Rect> source_part(const Frame& frame, const Resizing& resizing);

/// Resizes row by row; the source must have source_part()'s pixels. Only rows that the part needs are read, and some
/// tens of them are kept. Error: out_of_memory; the source's.
Result<void> resize_rows(RowSource& source, const Resizing& resizing, const RowSink& sink);

}  // namespace fovea::image
