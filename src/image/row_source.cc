#include "image/row_source.h"

#include <cstring>

namespace fovea::image {

Result<void> ViewSource::read(int64_t y, int64_t count, const uint8_t** rows) {
  for (int64_t r = 0; r < count; ++r) {
    rows[r] = photo_.row(y + r);
    if ((photo_.height - 1 - y - r) * photo_.stride + photo_.readable_after >= kReadableAfter) continue;
    if (last_.empty()) last_ = FOVEA_TRY(Image::allocate(kSourceRows, photo_.width));
    std::memcpy(last_.row(r), rows[r], static_cast<size_t>(3 * photo_.width));
    rows[r] = last_.row(r);
  }
  return {};
}

}  // namespace fovea::image
