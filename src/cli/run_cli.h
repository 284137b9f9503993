// The whole command line as a function, so that tests can call it.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace fovea::cli {

/// Runs `fovea ARGUMENTS...` and returns its exit code.
int run_cli(std::vector<std::string> arguments, Console& console);

}  // namespace fovea::cli
