// The program `fovea`: hands its arguments to run_cli.
#include <unistd.h>

#include <iostream>
#include <vector>

#include "cli/interrupt.h"
#include "cli/run_cli.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  fovea::cli::catch_interrupts();
  fovea::cli::Console console{std::cin, std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
  return fovea::cli::run_cli({argv + 1, argv + argc}, console);
}
