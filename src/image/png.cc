// PNG by libpng: all colour types, depths and interlacing to 8-bit RGB. Nothing but the pixels is read: text, profiles,
// gamma and transparency are skipped unread, so compressed ones cannot unfold.
#include <csetjmp>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <png.h>

#include "base/error.h"
#include "image/codec.h"

namespace fovea::image {
namespace {

// libpng reports an error by calling on_error, which must not return: it jumps back to Session::run.
class Session {
 public:
  explicit Session(std::span<const std::byte> bytes) : bytes_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~Session() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool ready() const { return png_ != nullptr && info_ != nullptr; }

  // False where libpng gave up. `step` must not own anything: a jump over it runs no destructors.
  template <class Step>
  bool run(Step step) {
    if (setjmp(back_) != 0) return false;
    step(png_, info_);
    return true;
  }

  bool read_header() {
    return run([this](png_structp png, png_infop info) {
      png_set_read_fn(png, this, on_read);
      // Sizes are judged by the pixel limit, which knows the caller's wish; sides alone say nothing.
      png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
      png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, reinterpret_cast<const png_byte*>("tRNS"), 1);
      png_read_info(png, info);
    });
  }

  Error error() const {
    if (ended_) return truncated("PNG");
    return invalid_image("damaged PNG: {}", message_).with_fix("fetch or export it again");
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* session = static_cast<Session*>(png_get_error_ptr(png));
    std::strncpy(session->message_, text, sizeof(session->message_) - 1);
    std::longjmp(session->back_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, size_t count) {
    auto* session = static_cast<Session*>(png_get_io_ptr(png));
    if (count > session->bytes_.size()) {
      session->ended_ = true;
      png_error(png, "end of file");
    }
    std::memcpy(out, session->bytes_.data(), count);
    session->bytes_ = session->bytes_.subspan(count);
  }

  std::span<const std::byte> bytes_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf back_{};
  char message_[128] = {};
  bool ended_ = false;
};

// Rows hold their raw pixels at their right end; they are spread to RGB from the left, in place.
void spread_grey16(Image& image) {
  const int64_t width = image.width();
  for (int64_t y = 0; y < image.height(); ++y) {
    uint8_t* row = image.row(y);
    for (int64_t x = 0; x < width; ++x) {
      const uint8_t high = row[width + 2 * x], low = row[width + 2 * x + 1];
      std::memset(row + 3 * x, high == 0 ? low : 255, 3);  // Pillow clips, it does not scale
    }
  }
}

}  // namespace

Result<Image> decode_png(std::span<const std::byte> bytes, const DecodeOptions& options) {
  Session session(bytes);
  if (!session.ready()) return out_of_memory("no memory for libpng").with_fix("free some memory");
  if (!session.read_header()) return session.error();
  int64_t height = 0, width = 0;
  int type = 0, depth = 0;
  session.run([&](png_structp png, png_infop info) {
    height = png_get_image_height(png, info);
    width = png_get_image_width(png, info);
    type = png_get_color_type(png, info);
    depth = png_get_bit_depth(png, info);
  });
  Image image = FOVEA_TRY(allocate_photo(height, width, options));
  const std::unique_ptr<png_bytep[]> rows(new (std::nothrow) png_bytep[static_cast<size_t>(height)]);
  if (!rows) return out_of_memory("no memory for {} row pointers", height).with_fix("free some memory");

  const bool grey16 = type == PNG_COLOR_TYPE_GRAY && depth == 16;
  const int64_t raw_bytes = grey16 ? 2 : 3;
  for (int64_t y = 0; y < height; ++y) rows[y] = image.row(y) + (3 - raw_bytes) * width;
  const bool done = session.run([&](png_structp png, png_infop info) {
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);  // an index beyond the palette is black
    if (depth == 16 && !grey16) png_set_strip_16(png);
    if ((type & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png);
    if ((type & PNG_COLOR_MASK_COLOR) == 0 && !grey16) {
      if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
      png_set_gray_to_rgb(png);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (static_cast<int64_t>(png_get_rowbytes(png, info)) != raw_bytes * width) png_error(png, "unexpected row size");
    png_read_image(png, rows.get());
  });
  if (!done) return session.error();
  if (grey16) spread_grey16(image);
  return image;
}

}  // namespace fovea::image
