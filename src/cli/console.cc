#include "cli/console.h"

#include <string>

namespace fovea::cli {

void Console::note(std::string_view text) const {
  if (!quiet) err << "fovea: " << printable(text) << '\n' << std::flush;
}

void Console::detail(std::string_view text) const {
  if (verbose) note(text);
}

void Console::error(const Error& error) const {
  err << "fovea: error: " << printable(error.to_string()) << '\n' << std::flush;
}

int Console::fail(const Error& failure, ExitCode code) const {
  error(failure);
  return code;
}

int Console::fail(const Error& failure) const {
  switch (failure.code) {
    case ErrorCode::unavailable: return fail(failure, kBackendUnavailable);
    case ErrorCode::invalid_argument: return fail(failure, kWrongUsage);
    default: return fail(failure, kModelUnusable);
  }
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return result;
}

}  // namespace fovea::cli
