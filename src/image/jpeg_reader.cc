// A JPEG row by row: only the columns that are wanted are transformed and coloured, rows that are not wanted are only
// parsed, and the whole may be decoded at a fraction of its size.
#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "image/codec.h"
#include "image/jpeg_session.h"

namespace fovea::image {
namespace {

// libjpeg fills in colour between samples, and smooths blocks, from what it decodes beside them. So this many blocks
// more than wanted are decoded on each side: what is wanted is then as if all were decoded.
constexpr int64_t kBlocksAround = 3;

// Shares of the time that decoding and resizing a row at full size takes: reading its Huffman codes, which a row that
// is passed over takes, too, and the rest, in proportion to what is kept of it. Measured on photos of 1 bit a pixel.
constexpr double kParsing = 0.45, kPixels = 0.7;

class JpegReader : public PhotoReader {
 public:
  explicit JpegReader(std::span<const std::byte> bytes) : bytes_(bytes), session_(bytes) {}

  Result<void> open(const DecodeOptions& options) {
    options_ = options;
    FOVEA_TRY(session_.open());
    return check_size(size().height, size().width, options);
  }
  bool by_rows() const { return session_.jpeg()->num_components != 4; }

  Size size() const override {
    const auto* jpeg = session_.jpeg();
    return {jpeg->image_height, jpeg->image_width};
  }
  bool can_scale() const override { return true; }
  Frame frame_at(int divisor) const override {
    const auto [height, width] = size();
    return {{ceil_div(height, divisor), ceil_div(width, divisor)},
            static_cast<double>(height) / divisor,
            static_cast<double>(width) / divisor};
  }
  Frame frame() const override { return frame_at(divisor_); }
  int64_t first_column() const override { return first_column_; }

  Result<void> start(int divisor, const Rect& wanted) override {
    divisor_ = divisor;
    const Size whole = frame().size;
    JDIMENSION left = 0, width = static_cast<JDIMENSION>(whole.width);
    const bool cropped = can_crop();
    const bool done = session_.run([&](j_decompress_ptr j) {
      j->out_color_space = JCS_RGB;
      j->scale_num = 8 / static_cast<unsigned>(divisor);
      j->scale_denom = 8;
      jpeg_start_decompress(j);
      if (!cropped) return;
      const int64_t around = kBlocksAround * block_width();
      const int64_t begin = std::max<int64_t>(0, wanted.left - around) / block_width() * block_width();
      const int64_t end = std::min(whole.width, wanted.left + wanted.width + around);
      if (8 * (end - begin) > 7 * whole.width) return;  // too little to gain
      left = static_cast<JDIMENSION>(begin);
      width = static_cast<JDIMENSION>(end - begin);
      jpeg_crop_scanline(j, &left, &width);
    });
    if (!done) return session_.error();
    const auto* jpeg = session_.jpeg();
    if (static_cast<int64_t>(jpeg->output_height) != whole.height || jpeg->output_width != width)
      return internal("libjpeg made {}x{} pixels of a JPEG of {}x{}", jpeg->output_width, jpeg->output_height,
                      size().width, size().height);
    first_column_ = left;
    rows_ = FOVEA_TRY(Image::allocate(kSourceRows + 1, width));  // the last one for rows that nobody wants
    return {};
  }

  // The scans of a progressive JPEG are all read before the first row: a second reader would read them again, and keep
  // all coefficients again.
  Result<std::unique_ptr<PhotoReader>> another() const override {
    if (jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(session_.jpeg()))) return std::unique_ptr<PhotoReader>();
    return open_jpeg(bytes_, options_);
  }
  double skipping_cost(int divisor, const Rect& wanted) const override {
    const double kept = static_cast<double>(wanted.width) / static_cast<double>(frame_at(divisor).size.width) / divisor;
    return kParsing / (kParsing + kPixels * kept);
  }

  Result<void> read(int64_t y, int64_t count, const uint8_t** rows) override {
    FOVEA_TRY(skip_to(y));
    for (int64_t r = 0; r < count; ++r) rows[r] = rows_.row(r);
    return decode_rows(0, count);
  }

  Result<void> finish() override {
    // Skipping up to the very end would end libjpeg's reading there: the last row is read, so that all data are.
    FOVEA_TRY(skip_to(frame().size.height - 1));
    if (session_.jpeg()->output_scanline < session_.jpeg()->output_height) FOVEA_TRY(decode_rows(kSourceRows, 1));
    // Reads up to the end marker: a file without it is truncated.
    if (!session_.run([](j_decompress_ptr j) { jpeg_finish_decompress(j); })) return session_.error();
    return {};
  }

 private:
  int64_t block_width() const {
    const auto* jpeg = session_.jpeg();
    return int64_t{jpeg->max_h_samp_factor} * 8 / divisor_;
  }
  int64_t block_height() const {
    const auto* jpeg = session_.jpeg();
    return int64_t{jpeg->max_v_samp_factor} * 8 / divisor_;
  }

  // The usual samplings: colour as fine as brightness, or half of it.
  bool can_crop() const {
    const auto* jpeg = session_.jpeg();
    if (jpeg->num_components != 3 || jpeg->jpeg_color_space != JCS_YCbCr) return false;
    const auto* component = jpeg->comp_info;
    return component[0].h_samp_factor <= 2 && component[0].v_samp_factor <= 2 &&
           std::all_of(component + 1, component + 3,
                       [](const auto& c) { return c.h_samp_factor == 1 && c.v_samp_factor == 1; });
  }

  Result<void> skip_to(int64_t y) {
    const int64_t at = session_.jpeg()->output_scanline;
    const int64_t far = (y - at - kBlocksAround * block_height()) / block_height() * block_height();
    if (far > 0 && !session_.run([far](j_decompress_ptr j) { jpeg_skip_scanlines(j, static_cast<JDIMENSION>(far)); }))
      return session_.error();
    while (static_cast<int64_t>(session_.jpeg()->output_scanline) < y) FOVEA_TRY(decode_rows(kSourceRows, 1));
    return {};
  }

  Result<void> decode_rows(int64_t slot, int64_t count) {
    const bool done = session_.run([&](j_decompress_ptr j) {
      JSAMPROW rows[kSourceRows];
      for (int64_t r = 0; r < count; ++r) rows[r] = rows_.row(slot + r);
      for (JDIMENSION r = 0; r < static_cast<JDIMENSION>(count);) {
        const JDIMENSION got = jpeg_read_scanlines(j, rows + r, static_cast<JDIMENSION>(count) - r);
        if (got == 0) return;
        r += got;
      }
    });
    if (!done) return session_.error();
    return {};
  }

  std::span<const std::byte> bytes_;
  DecodeOptions options_;
  JpegSession session_;
  Image rows_;
  int divisor_ = 1;
  int64_t first_column_ = 0;
};

}  // namespace

Result<std::unique_ptr<PhotoReader>> open_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options) {
  auto reader = std::make_unique<JpegReader>(bytes);
  FOVEA_TRY(reader->open(options));
  if (!reader->by_rows()) return std::unique_ptr<PhotoReader>();
  return std::unique_ptr<PhotoReader>(std::move(reader));
}

}  // namespace fovea::image
