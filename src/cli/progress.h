// A progress line on a terminal; nothing in a pipe.
#pragma once

#include <cstdint>

#include "cli/console.h"
#include "pipeline/stopwatch.h"

namespace fovea::cli {

class Progress {
 public:
  /// Shown for long work only: from `total` 2 on, after the first half second.
  Progress(Console& console, int64_t total) : console_(console), total_(total) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Another one is done.
  void advance();
  /// Takes the line away, so that something else can be written.
  void clear();

 private:
  Console& console_;
  int64_t total_, done_ = 0;
  double shown_at_ = 0;
  bool visible_ = false;
  pipeline::Stopwatch watch_;
};

}  // namespace fovea::cli
