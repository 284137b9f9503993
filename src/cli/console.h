// Where a command reads and writes: answers to `out`, all else to `err`.
#pragma once

#include <istream>
#include <ostream>
#include <string_view>

#include "fovea/result.h"

namespace fovea::cli {

/// What fovea's exit status means. After Ctrl-C it is 130, as shells expect.
enum ExitCode : int {
  kDone = 0,
  kSomeInputsFailed = 1,
  kWrongUsage = 2,
  kModelUnusable = 3,
  kBackendUnavailable = 4,
  kInterrupted = 130,
};

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // err is one: progress may be shown
  bool quiet = false;     // -q: errors only
  bool verbose = false;   // -v

  /// "fovea: ..." on stderr, unless quiet: what was assumed, what is worth knowing.
  void note(std::string_view text) const;
  /// The same with -v only.
  void detail(std::string_view text) const;
  void error(const Error& error) const;
  /// Prints the error and returns the code: `return console.fail(error, kModelUnusable);`
  int fail(const Error& error, ExitCode code) const;
  /// fail() for errors of compiling and of recipes: wrong usage, unavailable backend or unusable model, by their code.
  int fail(const Error& error) const;
};

/// Text from outside (names of files, labels) with its control characters replaced: a label must not drive a terminal.
std::string printable(std::string_view text);

}  // namespace fovea::cli
