// Pillow's Image.resize for RGB photos, with the same pixels as Pillow gives.
#pragma once

#include <string_view>

#include "fovea/result.h"
#include "image/image.h"

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

/// The photo at another size. Error: a side that is not positive, or out_of_memory.
Result<Image> resize(ImageView photo, Size size, Interpolation interpolation);

/// The rectangle `part` of resize(photo, size, interpolation), at the cost of that part alone. It is written to `out`,
/// whose rows are out_stride bytes apart. Precondition: `part` lies within `size` and is not empty.
Result<void> resize_part(ImageView photo, Size size, Interpolation interpolation, const Rect& part, uint8_t* out,
                         int64_t out_stride);

}  // namespace fovea::image
