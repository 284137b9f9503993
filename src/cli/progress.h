// A progress line on a terminal; nothing in a pipe, unless it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/console.h"
#include "pipeline/stopwatch.h"

namespace fovea::cli {

class Progress {
 public:
  /// Shown for long work only: from `total` 2 on, after the first half second. `unit` ("images") adds how many a second
  /// are done. `always`: in a pipe, too, as a line every two seconds, and one at the end.
  Progress(Console& console, int64_t total, std::string_view unit = {}, bool always = false)
      : console_(console), total_(total), unit_(unit), lines_(always && !console.terminal) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Another one is done.
  void advance();
  /// Takes the line away, so that something else can be written.
  void clear();

 private:
  void write_line(double now_ms);

  Console& console_;
  int64_t total_, done_ = 0;
  std::string unit_;
  bool lines_;
  double shown_at_ = 0;
  bool visible_ = false;
  pipeline::Stopwatch watch_;
};

}  // namespace fovea::cli
