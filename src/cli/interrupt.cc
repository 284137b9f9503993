#include "cli/interrupt.h"

#include <csignal>

namespace fovea::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_asked = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the next one has its usual effect
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return stop_asked != 0; }

}  // namespace fovea::cli
