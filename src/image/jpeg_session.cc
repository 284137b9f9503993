#include "image/jpeg_session.h"

#include <jerror.h>

#include <string>

#include "base/error.h"
#include "image/codec.h"

namespace fovea::image {
namespace {

// Encoders write at most some tens of scans; each costs a pass over the whole image, however small it is in the file.
constexpr int kMaxScans = 100;
// Coefficients of a progressive photo at the default pixel limit: 2 bytes each, at most 4 channels.
constexpr long kMaxCodecBytes = 1536L << 20;

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

}  // namespace

JpegSession::JpegSession(std::span<const std::byte> bytes) {
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

void JpegSession::on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->back, 1);
}

Result<void> JpegSession::open() {
  const bool opened = run([this](j_decompress_ptr jpeg) {
    jpeg_create_decompress(jpeg);
    jpeg->src = &source_;
    jpeg->progress = &progress_;
    jpeg->mem->max_memory_to_use = kMaxCodecBytes;
    jpeg_read_header(jpeg, TRUE);
  });
  if (!opened) return error();
  if (jpeg_.num_components != 1 && jpeg_.num_components != 3 && jpeg_.num_components != 4)
    return unsupported("a JPEG of {} channels", jpeg_.num_components).with_fix("save it as grey, RGB or CMYK");
  return {};
}

Error JpegSession::error() const {
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

}  // namespace fovea::image
