#include "pipeline/prefetch.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fovea::pipeline {

void lower_thread_priority() {
#ifdef __linux__
  // On Linux a thread has a priority of its own, under its number.
  constexpr int kLower = 10;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kLower);
#endif
}

}  // namespace fovea::pipeline
