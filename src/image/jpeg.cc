// JPEG by libjpeg-turbo, with the settings that Pillow uses: islow DCT, fancy upsampling, block smoothing.
#include <jerror.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs size_t and FILE
#include <memory>
#include <new>
#include <string>

#include <jpeglib.h>

#include "base/error.h"
#include "image/codec.h"

namespace fovea::image {
namespace {

// Encoders write at most some tens of scans; each costs a pass over the whole image, however small it is in the file.
constexpr int kMaxScans = 100;
// Coefficients of a progressive photo at the default pixel limit: 2 bytes each, at most 4 channels.
constexpr long kMaxCodecBytes = 1536L << 20;

// libjpeg reports errors by calling error_exit, which must not return: it jumps back to Session::run.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is ours
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->back, 1);
}

void on_message(j_common_ptr) {}  // warnings: damaged entropy data is decoded as far as it goes, as Pillow does

void on_progress(j_common_ptr info) {
  auto* jpeg = reinterpret_cast<j_decompress_ptr>(info);
  if (jpeg->input_scan_number > kMaxScans) ERREXIT(info, JERR_BAD_PROGRESSION);
}

void source_ignore(j_decompress_ptr) {}

// Asked for bytes beyond the end. Pillow waits for more and then gives up; libjpeg's own source would invent an end.
boolean source_empty(j_decompress_ptr jpeg) {
  ERREXIT(jpeg, JERR_INPUT_EOF);
  return FALSE;
}

void source_skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  jpeg_source_mgr* source = jpeg->src;
  if (static_cast<size_t>(count) > source->bytes_in_buffer) ERREXIT(jpeg, JERR_INPUT_EOF);
  source->next_input_byte += count;
  source->bytes_in_buffer -= static_cast<size_t>(count);
}

// Owns libjpeg's state; every call into libjpeg goes through run().
class Session {
 public:
  explicit Session(std::span<const std::byte> bytes) {
    jpeg_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.output_message = on_message;
    errors_.message[0] = '\0';
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source_.bytes_in_buffer = bytes.size();
    source_.init_source = source_ignore;
    source_.fill_input_buffer = source_empty;
    source_.skip_input_data = source_skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = source_ignore;
    progress_.progress_monitor = on_progress;
  }
  ~Session() { jpeg_destroy_decompress(&jpeg_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // False where libjpeg gave up. `step` must not own anything: a jump over it runs no destructors.
  template <class Step>
  bool run(Step step) {
    if (setjmp(errors_.back) != 0) return false;
    step(&jpeg_);
    return true;
  }

  bool create() {
    return run([this](j_decompress_ptr jpeg) {
      jpeg_create_decompress(jpeg);
      jpeg->src = &source_;
      jpeg->progress = &progress_;
      jpeg->mem->max_memory_to_use = kMaxCodecBytes;
    });
  }

  j_decompress_ptr jpeg() { return &jpeg_; }

  Error error() const {
    switch (errors_.base.msg_code) {
      case JERR_INPUT_EOF: return truncated("JPEG");
      case JERR_OUT_OF_MEMORY:
      case JERR_NO_BACKING_STORE:
        return out_of_memory("decoding this JPEG needs more memory than is granted to it")
            .with_fix("convert it to a baseline JPEG or make it smaller");
      case JERR_BAD_PRECISION:
      case JERR_SOF_UNSUPPORTED:
        return unsupported("this kind of JPEG: {}", errors_.message).with_fix("save it as an 8-bit baseline JPEG");
      case JERR_BAD_PROGRESSION:
        if (jpeg_.input_scan_number > kMaxScans)
          return invalid_image("this progressive JPEG has more than {} scans", kMaxScans)
              .with_fix("save it as a baseline JPEG");
        break;
      default: break;
    }
    return invalid_image("damaged JPEG: {}", errors_.message).with_fix("fetch or export it again");
  }

 private:
  jpeg_decompress_struct jpeg_{};
  ErrorManager errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
};

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
  Session session(bytes);
  j_decompress_ptr jpeg = session.jpeg();
  if (!session.create() || !session.run([](j_decompress_ptr j) { jpeg_read_header(j, TRUE); })) return session.error();
  const int64_t height = jpeg->image_height, width = jpeg->image_width;
  if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
    return unsupported("a JPEG of {} channels", jpeg->num_components).with_fix("save it as grey, RGB or CMYK");
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
