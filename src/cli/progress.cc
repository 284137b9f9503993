#include "cli/progress.h"

#include <fmt/format.h>

namespace fovea::cli {
namespace {

std::string speed(int64_t done, double now_ms, std::string_view unit) {
  return unit.empty() ? std::string() : fmt::format(", {:.1f} {}/s", static_cast<double>(done) * 1000 / now_ms, unit);
}

double seconds_left(int64_t done, int64_t total, double now_ms) {
  return now_ms / 1000 / static_cast<double>(done) * static_cast<double>(total - done);
}

}  // namespace

Progress::~Progress() {
  clear();
  if (lines_ && !console_.quiet && done_ > 0) write_line(watch_.ms());
}

void Progress::advance() {
  ++done_;
  if (console_.quiet || (!console_.terminal && !lines_) || (total_ < 2 && !lines_)) return;
  const double now = watch_.ms();
  constexpr double kDelay = 500, kInterval = 100, kLineInterval = 2000;
  if (lines_) {
    if (now - shown_at_ < kLineInterval) return;
    shown_at_ = now;
    return write_line(now);
  }
  if (now < kDelay || now - shown_at_ < kInterval) return;
  shown_at_ = now;
  visible_ = true;
  constexpr int kWidth = 30;
  const auto filled = static_cast<int>(kWidth * done_ / total_);
  console_.err << fmt::format("\r\x1b[K[{:#<{}}{:.<{}}] {}/{}{}, {:.0f} s left", "", filled, "", kWidth - filled, done_,
                              total_, speed(done_, now, unit_), seconds_left(done_, total_, now))
               << std::flush;
}

void Progress::write_line(double now_ms) {
  console_.err << fmt::format("fovea: {}/{}{}, {:.0f} s left\n", done_, total_, speed(done_, now_ms, unit_),
                              seconds_left(done_, total_, now_ms))
               << std::flush;
}

void Progress::clear() {
  if (!visible_) return;
  console_.err << "\r\x1b[K" << std::flush;
  visible_ = false;
}

}  // namespace fovea::cli
