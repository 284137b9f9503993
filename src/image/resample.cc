// Resizing in one or two passes over a few rows at a time, in Pillow's order.
#include "image/resample.h"

#include <algorithm>
#include <array>
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
constexpr std::array<std::string_view, 3> kModes = {"exact", "float", "scaled"};
static_assert(kSourceRows == kernels::kResampleRows && kReadableAfter >= kernels::kResampleOverread);
// Rows between the two passes. Photos need a megabyte.
constexpr int64_t kMaxBufferBytes = int64_t{1} << 30;

struct FreeAligned {
  void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{64}); }
};

// Memory at a multiple of 64 bytes, `count` parts of `each` bytes (rounded up to 64).
class Buffer {
 public:
  static Result<Buffer> allocate(int64_t count, int64_t each) {
    each = round_up(each, 64);
    const auto bytes = checked_mul(count, each);
    Buffer buffer;
    if (bytes && *bytes <= kMaxBufferBytes)
      buffer.bytes_.reset(
          static_cast<std::byte*>(::operator new (static_cast<size_t>(*bytes), std::align_val_t{64}, std::nothrow)));
    if (!buffer.bytes_)
      return out_of_memory("no memory for the rows of a photo that is resized")
          .with_fix("use a smaller image or free some memory");
    buffer.each_ = each;
    return buffer;
  }
  template <class T>
  T* part(int64_t i) {
    return reinterpret_cast<T*>(bytes_.get() + i * each_);
  }

 private:
  std::unique_ptr<std::byte, FreeAligned> bytes_;
  int64_t each_ = 0;
};

// The pass along x over kSourceRows rows. Very wide rows are done in pieces, so that the scratch memory stays in cache.
class RowPass {
 public:
  static Result<RowPass> create(const FilterTaps& across, int64_t first_column) {
    constexpr int64_t kScratchQuads = 1 << 12;  // a megabyte
    RowPass pass;
    pass.quads_ = FOVEA_TRY(QuadTaps::create(across, first_column));
    const int64_t outputs = across.outputs();
    int64_t most = 0;
    for (int64_t begin = 0; begin < outputs;) {
      int64_t end = begin + 1;
      while (end < outputs && pass.quads_.end(end) - pass.quads_.first(begin) <= kScratchQuads) ++end;
      most = std::max(most, pass.quads_.end(end - 1) - pass.quads_.first(begin));
      pass.pieces_.push_back({begin, end});
      begin = end;
    }
    if (most > kMaxBufferBytes / kernels::kResampleScratch) most = kMaxBufferBytes;  // refused by allocate
    pass.scratch_ = FOVEA_TRY(Buffer::allocate(most, kernels::kResampleScratch));
    return pass;
  }

  void run(const uint8_t* const* rows, uint8_t* const* blocks) {
    for (const auto& [begin, end] : pieces_) {
      std::array<uint8_t*, kernels::kResampleBlocks> to{};
      for (size_t b = 0; b < to.size(); ++b) to[b] = blocks[b] + begin * kernels::kResampleBlockPixel;
      kernels::resample_rows(rows, piece(begin), end - begin, scratch_.part<uint8_t>(0), to.data());
    }
  }

  void run(const uint8_t* const* rows, float* const* out) {
    for (const auto& [begin, end] : pieces_) {
      std::array<float*, kernels::kResampleRows> to{};
      for (size_t r = 0; r < to.size(); ++r) to[r] = out[r] + 4 * begin;
      kernels::resample_rows_float(rows, piece(begin), end - begin, scratch_.part<uint8_t>(0), to.data());
    }
  }

 private:
  kernels::ResampleQuads piece(int64_t begin) const {
    const kernels::ResampleQuads& all = quads_.view();
    return {all.first + begin, all.count + begin, quads_.words(begin), all.stride};
  }

  QuadTaps quads_;
  std::vector<std::pair<int64_t, int64_t>> pieces_;
  Buffer scratch_;
};

// kSourceRows rows from y on; behind `end` the last one again.
Result<void> read_rows(RowSource& source, int64_t y, int64_t end, std::array<const uint8_t*, kSourceRows>& rows) {
  const int64_t count = std::min(kSourceRows, end - y);
  FOVEA_TRY(source.read(y, count, rows.data()));
  std::fill(rows.begin() + count, rows.end(), rows[static_cast<size_t>(count - 1)]);
  return {};
}

// Along x, rounded to bytes, then along y. Blocks of four rows wait in a ring until no output needs them any more.
Result<void> two_passes(RowSource& source, const FilterTaps& across, const FilterTaps& down, const RowSink& sink) {
  const int64_t outputs = down.outputs(), width = across.outputs();
  const int64_t origin = down.first(0), end = down.end(outputs - 1);
  RowPass pass = FOVEA_TRY(RowPass::create(across, source.first_column()));
  const QuadTaps quads = FOVEA_TRY(QuadTaps::create(down, origin));
  const int64_t capacity = quads.most() + kernels::kResampleBlocks - 1;
  Buffer ring =
      FOVEA_TRY(Buffer::allocate(capacity, (width + kernels::kResamplePixelsOverread) * kernels::kResampleBlockPixel));
  Buffer row = FOVEA_TRY(Buffer::allocate(1, 3 * width));
  std::vector<const uint8_t*> in(static_cast<size_t>(quads.most()));
  std::array<const uint8_t*, kSourceRows> rows{};
  int64_t ready = 0;
  for (int64_t y = 0; y < outputs; ++y) {
    for (ready = std::max(ready, quads.first(y)); ready < quads.end(y); ready += kernels::kResampleBlocks) {
      FOVEA_TRY(read_rows(source, origin + ready * kernels::kResampleQuad, end, rows));
      std::array<uint8_t*, kernels::kResampleBlocks> blocks{};
      for (size_t b = 0; b < blocks.size(); ++b)
        blocks[b] = ring.part<uint8_t>((ready + static_cast<int64_t>(b)) % capacity);
      pass.run(rows.data(), blocks.data());
    }
    for (int64_t q = 0; q < quads.count(y); ++q)
      in[static_cast<size_t>(q)] = ring.part<uint8_t>((quads.first(y) + q) % capacity);
    kernels::resample_columns(in.data(), quads.words(y), quads.count(y), width, row.part<uint8_t>(0));
    sink(y, row.part<uint8_t>(0));
  }
  return {};
}

// Along x and y without rounding in between. What overshoots is clipped after each pass, as Pillow does.
Result<void> single_pass(RowSource& source, const FilterTaps& across, const FilterTaps& down, const RowSink& sink) {
  const int64_t outputs = down.outputs(), width = across.outputs();
  RowPass pass = FOVEA_TRY(RowPass::create(across, source.first_column()));
  const int64_t capacity = down.most() + kSourceRows - 1;
  Buffer ring = FOVEA_TRY(
      Buffer::allocate(capacity, (width + kernels::kResamplePixelsOverread) * 4 * static_cast<int64_t>(sizeof(float))));
  Buffer row = FOVEA_TRY(Buffer::allocate(1, 3 * width));
  std::vector<const float*> in(static_cast<size_t>(down.most()));
  std::vector<float> weights(static_cast<size_t>(down.most()));
  std::array<const uint8_t*, kSourceRows> rows{};
  int64_t ready = 0;
  for (int64_t y = 0; y < outputs; ++y) {
    for (ready = std::max(ready, down.first(y)); ready < down.end(y); ready += kSourceRows) {
      FOVEA_TRY(read_rows(source, ready, down.end(outputs - 1), rows));
      std::array<float*, kSourceRows> out{};
      for (size_t r = 0; r < out.size(); ++r) out[r] = ring.part<float>((ready + static_cast<int64_t>(r)) % capacity);
      pass.run(rows.data(), out.data());
    }
    for (int64_t t = 0; t < down.count(y); ++t) {
      in[static_cast<size_t>(t)] = ring.part<float>((down.first(y) + t) % capacity);
      weights[static_cast<size_t>(t)] = static_cast<float>(down.weights(y)[t]) * (1.0f / (1 << kernels::kResampleBits));
    }
    kernels::resample_columns_float(in.data(), weights.data(), down.count(y), width, row.part<uint8_t>(0));
    sink(y, row.part<uint8_t>(0));
  }
  return {};
}

// Along y first: a photo of the part's height, which is then taken along x.
Result<void> columns_then_rows(RowSource& source, const FilterTaps& across, const FilterTaps& down,
                               const RowSink& sink) {
  const int64_t left = across.first(0), columns = across.end(across.outputs() - 1) - left;
  Image low = FOVEA_TRY(Image::allocate(down.outputs(), columns));
  FOVEA_TRY(two_passes(source, FOVEA_TRY(FilterTaps::identity(left, columns)), down,
                       [&](int64_t y, const uint8_t* rgb) { std::copy_n(rgb, 3 * columns, low.row(y)); }));
  ViewSource narrow(low.view(), left);
  return two_passes(narrow, across, FOVEA_TRY(FilterTaps::identity(0, down.outputs())), sink);
}

Result<void> nearest(RowSource& source, const Resizing& resizing, const RowSink& sink) {
  const Frame frame = source.frame();
  const Rect& part = resizing.part;
  constexpr auto kIndexBytes = static_cast<int64_t>(sizeof(int64_t));
  Buffer indices = FOVEA_TRY(Buffer::allocate(2, std::max(part.height, part.width) * kIndexBytes));
  Buffer row = FOVEA_TRY(Buffer::allocate(1, 3 * part.width));
  auto *rows = indices.part<int64_t>(0), *columns = indices.part<int64_t>(1);
  nearest_indices(frame.size.height, resizing.size.height, part.top, part.height, rows);
  nearest_indices(frame.size.width, resizing.size.width, part.left, part.width, columns);
  auto* out = row.part<uint8_t>(0);
  for (int64_t y = 0; y < part.height; ++y) {
    if (y == 0 || rows[y] != rows[y - 1]) {
      const uint8_t* from = nullptr;
      if (rows[y] >= 0) FOVEA_TRY(source.read(rows[y], 1, &from));
      for (int64_t x = 0; x < part.width; ++x)
        for (int64_t c = 0; c < 3; ++c)
          out[3 * x + c] =
              from == nullptr || columns[x] < 0 ? uint8_t{0} : from[3 * (columns[x] - source.first_column()) + c];
    }
    sink(y, out);
  }
  return {};
}

Result<void> copy_rows(RowSource& source, const Rect& part, const RowSink& sink) {
  std::array<const uint8_t*, kSourceRows> rows{};
  for (int64_t y = 0; y < part.height; y += kSourceRows) {
    const int64_t count = std::min(kSourceRows, part.height - y);
    FOVEA_TRY(source.read(part.top + y, count, rows.data()));
    for (int64_t r = 0; r < count; ++r)
      sink(y + r, rows[static_cast<size_t>(r)] + 3 * (part.left - source.first_column()));
  }
  return {};
}

// The order of the passes shows in the pixels, since the first one's sums are rounded to bytes. Pillow takes the rows
// first, but since its version 13 the columns where the height shrinks by much more than the width.
bool columns_first(Size from, Size to) {
  return to.height < from.height && from.height - to.height > 2 * std::max<int64_t>(0, from.width - to.width);
}

bool is_identity(const Frame& frame, Size size) {
  return frame.size == size && frame.height == static_cast<double>(size.height) &&
         frame.width == static_cast<double>(size.width);
}

// A pass along an axis whose size does not change is the identity.
Result<FilterTaps> taps_of(const Resizing& resizing, int64_t in, double extent, int64_t out, int64_t begin,
                           int64_t outputs) {
  if (in == out && extent == static_cast<double>(out)) return FilterTaps::identity(begin, outputs);
  return FilterTaps::create(resizing.interpolation, in, extent, out, begin, outputs);
}

Result<FilterTaps> taps_across(const Frame& frame, const Resizing& resizing, int64_t begin, int64_t outputs) {
  return taps_of(resizing, frame.size.width, frame.width, resizing.size.width, begin, outputs);
}

Result<FilterTaps> taps_down(const Frame& frame, const Resizing& resizing, int64_t begin, int64_t outputs) {
  return taps_of(resizing, frame.size.height, frame.height, resizing.size.height, begin, outputs);
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

std::string_view name_of(ResizeMode mode) { return kModes[static_cast<size_t>(mode)]; }

Result<ResizeMode> parse_resize_mode(std::string_view name) {
  for (size_t i = 0; i < kModes.size(); ++i)
    if (kModes[i] == name) return static_cast<ResizeMode>(i);
  return invalid_argument("no way of resizing is called \"{}\"", name).with_fix("use exact, float or scaled");
}

Result<Rect> source_part(const Frame& frame, const Resizing& resizing) {
  const Rect& part = resizing.part;
  if (is_identity(frame, resizing.size)) return part;
  if (resizing.interpolation == Interpolation::nearest) return Rect{0, 0, frame.size.height, frame.size.width};
  const int64_t right = part.left + part.width - 1, bottom = part.top + part.height - 1;
  const auto first_x = FOVEA_TRY(taps_across(frame, resizing, part.left, 1));
  const auto last_x = FOVEA_TRY(taps_across(frame, resizing, right, 1));
  const auto first_y = FOVEA_TRY(taps_down(frame, resizing, part.top, 1));
  const auto last_y = FOVEA_TRY(taps_down(frame, resizing, bottom, 1));
  return Rect{first_y.first(0), first_x.first(0), last_y.end(0) - first_y.first(0), last_x.end(0) - first_x.first(0)};
}

Result<void> resize_rows(RowSource& source, const Resizing& resizing, const RowSink& sink) {
  const Frame frame = source.frame();
  const Rect& part = resizing.part;
  if (is_identity(frame, resizing.size)) return copy_rows(source, part, sink);
  if (resizing.interpolation == Interpolation::nearest) return nearest(source, resizing, sink);
  const auto across = FOVEA_TRY(taps_across(frame, resizing, part.left, part.width));
  const auto down = FOVEA_TRY(taps_down(frame, resizing, part.top, part.height));
  if (resizing.mode != ResizeMode::exact) return single_pass(source, across, down, sink);
  return columns_first(frame.size, resizing.size) ? columns_then_rows(source, across, down, sink)
                                                  : two_passes(source, across, down, sink);
}

Result<Image> resize(ImageView photo, Size size, Interpolation interpolation) {
  Image out = FOVEA_TRY(Image::allocate(size.height, size.width));
  ViewSource source(photo);
  FOVEA_TRY(resize_rows(source, {size, interpolation, {0, 0, size.height, size.width}, ResizeMode::exact},
                        [&](int64_t y, const uint8_t* rgb) { std::copy_n(rgb, 3 * size.width, out.row(y)); }));
  return out;
}

}  // namespace fovea::image
