#include "cli/progress.h"

#include <fmt/format.h>

namespace fovea::cli {

void Progress::advance() {
  ++done_;
  if (!console_.terminal || console_.quiet || total_ < 2) return;
  const double now = watch_.ms();
  constexpr double kDelay = 500, kInterval = 100;
  if (now < kDelay || now - shown_at_ < kInterval) return;
  shown_at_ = now;
  visible_ = true;
  constexpr int kWidth = 30;
  const auto filled = static_cast<int>(kWidth * done_ / total_);
  const double left = now / 1000 / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  console_.err << fmt::format("\r\x1b[K[{:#<{}}{:.<{}}] {}/{}, {:.0f} s left", "", filled, "", kWidth - filled, done_,
                              total_, left)
               << std::flush;
}

void Progress::clear() {
  if (!visible_) return;
  console_.err << "\r\x1b[K" << std::flush;
  visible_ = false;
}

}  // namespace fovea::cli
