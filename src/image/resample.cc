// Resizing in one or two passes over a few rows at a time, in Pillow's order.
#include "image/resample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "image/filters.h"
#include "kernels/resample.h"

namespace fovea::image {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"};
constexpr int64_t kRowsAtOnce = 4;  // the kernel spreads each weight once for so many rows
// Rows between the two passes. Photos need under a megabyte.
constexpr int64_t kMaxRingBytes = int64_t{1} << 30;

Error no_memory(Size from, Size to) {
  return out_of_memory("no memory for resizing {}x{} pixels to {}x{}", from.width, from.height, to.width, to.height)
      .with_fix("use a smaller image or free some memory");
}

// Rows of the photo, resampled along x, kept in a ring until no output row needs them any more.
class ResampledRows {
 public:
  static Result<ResampledRows> create(ImageView photo, const FilterTaps& across, int64_t row_count, Size to) {
    ResampledRows rows(photo, across);
    rows.capacity_ = std::min(row_count + kRowsAtOnce, photo.height);
    rows.row_bytes_ = 3 * across.outputs();
    const auto bytes = checked_mul(rows.capacity_, rows.row_bytes_);
    if (!bytes || *bytes > kMaxRingBytes) return no_memory(photo.size(), to);
    rows.ring_.reset(new (std::nothrow) uint8_t[static_cast<size_t>(*bytes)]);
    if (!rows.ring_) return no_memory(photo.size(), to);
    return rows;
  }

  // Makes sure that rows lo .. hi - 1 are there. Precondition: lo and hi never fall from call to call; hi <= last.
  Result<void> provide(int64_t lo, int64_t hi, int64_t last) {
    next_ = std::max(next_, lo);
    while (next_ < hi) {
      const int64_t count = std::min(kRowsAtOnce, last - next_);
      std::array<const uint8_t*, kRowsAtOnce> in{};
      std::array<uint8_t*, kRowsAtOnce> out{};
      for (int64_t r = 0; r < count; ++r) {
        in[r] = FOVEA_TRY(readable(next_ + r, r));
        out[r] = row(next_ + r);
      }
      kernels::resample_rows(in.data(), count, across_.view(), across_.outputs(), out.data());
      next_ += count;
    }
    return {};
  }

  uint8_t* row(int64_t y) { return ring_.get() + y % capacity_ * row_bytes_; }

 private:
  ResampledRows(ImageView photo, const FilterTaps& across) : photo_(photo), across_(across) {}

  // A row of the photo that the kernel may overread: a copy where the photo's memory would end.
  Result<const uint8_t*> readable(int64_t y, int64_t slot) {
    const uint8_t* row = photo_.row(y);
    const int64_t left = (photo_.height - 1 - y) * photo_.stride + photo_.readable_after;
    if (left >= kernels::kResampleOverread) return row;
    const int64_t bytes = 3 * photo_.width;
    copies_[slot].reset(new (std::nothrow) uint8_t[static_cast<size_t>(bytes + kernels::kResampleOverread)]());
    if (!copies_[slot]) return no_memory(photo_.size(), photo_.size());
    std::memcpy(copies_[slot].get(), row, static_cast<size_t>(bytes));
    return static_cast<const uint8_t*>(copies_[slot].get());
  }

  ImageView photo_;
  const FilterTaps& across_;
  std::unique_ptr<uint8_t[]> ring_;
  std::array<std::unique_ptr<uint8_t[]>, kRowsAtOnce> copies_;
  int64_t capacity_ = 0;
  int64_t row_bytes_ = 0;
  int64_t next_ = 0;
};

void copy_part(ImageView photo, const Rect& part, uint8_t* out, int64_t out_stride) {
  for (int64_t y = 0; y < part.height; ++y)
    std::memcpy(out + y * out_stride, photo.row(part.top + y) + 3 * part.left, static_cast<size_t>(3 * part.width));
}

Result<void> nearest_part(ImageView photo, Size size, const Rect& part, uint8_t* out, int64_t out_stride) {
  std::unique_ptr<int64_t[]> index(new (std::nothrow) int64_t[static_cast<size_t>(part.height + part.width)]);
  if (!index) return no_memory(photo.size(), size);
  int64_t* rows = index.get();
  int64_t* columns = rows + part.height;
  nearest_indices(photo.height, size.height, part.top, part.height, rows);
  nearest_indices(photo.width, size.width, part.left, part.width, columns);
  for (int64_t y = 0; y < part.height; ++y, out += out_stride) {
    if (rows[y] < 0) {
      std::memset(out, 0, static_cast<size_t>(3 * part.width));
      continue;
    }
    const uint8_t* row = photo.row(rows[y]);
    for (int64_t x = 0; x < part.width; ++x) {
      if (columns[x] < 0)
        std::memset(out + 3 * x, 0, 3);
      else
        std::memcpy(out + 3 * x, row + 3 * columns[x], 3);
    }
  }
  return {};
}

// Only along y: the columns pass reads the photo itself.
Result<void> filter_columns(ImageView photo, const FilterTaps& down, const Rect& part, uint8_t* out,
                            int64_t out_stride) {
  std::vector<const uint8_t*> in(static_cast<size_t>(down.most()));
  for (int64_t y = 0; y < part.height; ++y) {
    for (int64_t t = 0; t < down.count(y); ++t) in[t] = photo.row(down.first(y) + t) + 3 * part.left;
    kernels::resample_columns(in.data(), down.weights(y), down.count(y), 3 * part.width, out + y * out_stride);
  }
  return {};
}

// Only along x.
Result<void> filter_rows(ImageView photo, Size size, const FilterTaps& across, const Rect& part, uint8_t* out,
                         int64_t out_stride) {
  ResampledRows rows = FOVEA_TRY(ResampledRows::create(photo, across, 1, size));
  for (int64_t y = 0; y < part.height; ++y) {
    FOVEA_TRY(rows.provide(part.top + y, part.top + y + 1, part.top + part.height));
    std::memcpy(out + y * out_stride, rows.row(part.top + y), static_cast<size_t>(3 * part.width));
  }
  return {};
}

Result<void> filter_rows_then_columns(ImageView photo, Size size, const FilterTaps& across, const FilterTaps& down,
                                      const Rect& part, uint8_t* out, int64_t out_stride) {
  ResampledRows rows = FOVEA_TRY(ResampledRows::create(photo, across, down.most(), size));
  std::vector<const uint8_t*> in(static_cast<size_t>(down.most()));
  const int64_t last = down.end(part.height - 1);
  for (int64_t y = 0; y < part.height; ++y) {
    FOVEA_TRY(rows.provide(down.first(y), down.end(y), last));
    for (int64_t t = 0; t < down.count(y); ++t) in[t] = rows.row(down.first(y) + t);
    kernels::resample_columns(in.data(), down.weights(y), down.count(y), 3 * part.width, out + y * out_stride);
  }
  return {};
}

Result<void> filter_columns_then_rows(ImageView photo, Size size, FilterTaps& across, const FilterTaps& down,
                                      const Rect& part, uint8_t* out, int64_t out_stride) {
  const int64_t begin = across.first(0), end = across.end(part.width - 1);
  across.rebase(begin);
  const int64_t row_bytes = 3 * (end - begin) + kernels::kResampleOverread;
  if (row_bytes > kMaxRingBytes / kRowsAtOnce) return no_memory(photo.size(), size);
  const std::unique_ptr<uint8_t[]> buffer(new (std::nothrow) uint8_t[static_cast<size_t>(kRowsAtOnce * row_bytes)]());
  if (!buffer) return no_memory(photo.size(), size);
  std::vector<const uint8_t*> in(static_cast<size_t>(down.most()));
  for (int64_t y = 0; y < part.height; y += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, part.height - y);
    std::array<const uint8_t*, kRowsAtOnce> from{};
    std::array<uint8_t*, kRowsAtOnce> to{};
    for (int64_t r = 0; r < count; ++r) {
      uint8_t* row = buffer.get() + r * row_bytes;
      for (int64_t t = 0; t < down.count(y + r); ++t) in[t] = photo.row(down.first(y + r) + t) + 3 * begin;
      kernels::resample_columns(in.data(), down.weights(y + r), down.count(y + r), 3 * (end - begin), row);
      from[r] = row;
      to[r] = out + (y + r) * out_stride;
    }
    kernels::resample_rows(from.data(), count, across.view(), part.width, to.data());
  }
  return {};
}

// The order of the passes shows in the pixels, since the first one's sums are rounded to bytes. Pillow takes the rows
// first, but since its version 13 the columns where the height shrinks by much more than the width.
bool columns_first(Size from, Size to) {
  return to.height < from.height && from.height - to.height > 2 * std::max<int64_t>(0, from.width - to.width);
}

}  // namespace

std::string_view name_of(Interpolation interpolation) { return kNames[static_cast<size_t>(interpolation)]; }

Result<Interpolation> parse_interpolation(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Interpolation>(i);
  return invalid_argument("no interpolation is called \"{}\"", name)
      .with_fix("use nearest, box, bilinear, hamming, bicubic or lanczos");
}

Result<Interpolation> interpolation_of_pillow(int64_t code) {
  switch (code) {
    case 0: return Interpolation::nearest;
    case 1: return Interpolation::lanczos;
    case 2: return Interpolation::bilinear;
    case 3: return Interpolation::bicubic;
    case 4: return Interpolation::box;
    case 5: return Interpolation::hamming;
    default:
      return invalid_argument("Pillow has no resampling filter {}", code)
          .with_fix("use 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box or 5 hamming");
  }
}

Result<void> resize_part(ImageView photo, Size size, Interpolation interpolation, const Rect& part, uint8_t* out,
                         int64_t out_stride) {
  if (photo.size() == size) {
    copy_part(photo, part, out, out_stride);
    return {};
  }
  if (interpolation == Interpolation::nearest) return nearest_part(photo, size, part, out, out_stride);
  // A pass along an axis whose size does not change would be the identity: Pillow skips it, too.
  if (photo.width == size.width) {
    const auto down = FOVEA_TRY(FilterTaps::create(interpolation, photo.height, size.height, part.top, part.height));
    return filter_columns(photo, down, part, out, out_stride);
  }
  auto across = FOVEA_TRY(FilterTaps::create(interpolation, photo.width, size.width, part.left, part.width));
  if (photo.height == size.height) return filter_rows(photo, size, across, part, out, out_stride);
  const auto down = FOVEA_TRY(FilterTaps::create(interpolation, photo.height, size.height, part.top, part.height));
  if (columns_first(photo.size(), size))
    return filter_columns_then_rows(photo, size, across, down, part, out, out_stride);
  return filter_rows_then_columns(photo, size, across, down, part, out, out_stride);
}

Result<Image> resize(ImageView photo, Size size, Interpolation interpolation) {
  Image out = FOVEA_TRY(Image::allocate(size.height, size.width));
  FOVEA_TRY(resize_part(photo, size, interpolation, {0, 0, size.height, size.width}, out.data(), 3 * size.width));
  return out;
}

}  // namespace fovea::image
