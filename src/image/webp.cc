// WebP by libwebp: lossy, lossless, with alpha; of an animation the first frame, on its canvas.
#include <cstring>
#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "base/error.h"
#include "image/codec.h"

namespace fovea::image {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DeleteDemuxer>;

class FirstFrame {
 public:
  explicit FirstFrame(const WebPDemuxer* demuxer) : found_(WebPDemuxGetFrame(demuxer, 1, &frame_) != 0) {}
  ~FirstFrame() { WebPDemuxReleaseIterator(&frame_); }
  FirstFrame(const FirstFrame&) = delete;
  FirstFrame& operator=(const FirstFrame&) = delete;
  bool complete() const { return found_ && frame_.complete != 0; }
  const WebPIterator& operator*() const { return frame_; }

 private:
  WebPIterator frame_{};
  bool found_;
};

Error damaged(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return out_of_memory("no memory for decoding this WebP").with_fix("use a smaller image or free some memory");
    case VP8_STATUS_NOT_ENOUGH_DATA: return truncated("WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return unsupported("this WebP uses a feature that libwebp lacks")
          .with_fix("save it again with a current encoder");
    default:
      return invalid_image("damaged WebP (status {})", static_cast<int>(status)).with_fix("fetch or export it again");
  }
}

// The canvas's size from the first chunk's header, so that it is judged before anything is parsed.
Result<Size> canvas_size(std::span<const std::byte> bytes) {
  WebPBitstreamFeatures features;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const VP8StatusCode status = WebPGetFeatures(data, bytes.size(), &features);
  if (status != VP8_STATUS_OK) return damaged(status);
  return Size{features.height, features.width};
}

}  // namespace

Result<Image> decode_webp(std::span<const std::byte> bytes, const DecodeOptions& options) {
  const Size canvas = FOVEA_TRY(canvas_size(bytes));
  Image image = FOVEA_TRY(allocate_photo(canvas.height, canvas.width, options));

  const WebPData data = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  WebPDemuxState state = WEBP_DEMUX_DONE;
  const Demuxer demuxer(WebPDemuxPartial(&data, &state));
  if (!demuxer || state == WEBP_DEMUX_PARSE_ERROR) return damaged(VP8_STATUS_BITSTREAM_ERROR);
  if (state != WEBP_DEMUX_DONE) return truncated("WebP");
  const FirstFrame frame(demuxer.get());
  if (!frame.complete()) return damaged(VP8_STATUS_BITSTREAM_ERROR);

  const int64_t x = (*frame).x_offset, y = (*frame).y_offset, height = (*frame).height, width = (*frame).width;
  if (x < 0 || y < 0 || width <= 0 || height <= 0 || x + width > canvas.width || y + height > canvas.height)
    return damaged(VP8_STATUS_BITSTREAM_ERROR);
  // A first frame that does not cover its canvas lies on transparent black, whatever background the file names: so
  // libwebp's own animation decoder has it, and with it Pillow.
  if (height != canvas.height || width != canvas.width)
    std::memset(image.data(), 0, static_cast<size_t>(image.bytes()));

  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    return unsupported("the libwebp at hand is not the one fovea was built with").with_fix("rebuild fovea");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.stride = static_cast<int>(3 * canvas.width);
  config.output.u.RGBA.rgba = image.row(y) + 3 * x;
  config.output.u.RGBA.size = static_cast<size_t>((height - 1) * 3 * canvas.width + 3 * width);
  const VP8StatusCode status = WebPDecode((*frame).fragment.bytes, (*frame).fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return damaged(status);
  return image;
}

}  // namespace fovea::image
