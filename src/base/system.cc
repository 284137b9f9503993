#include "base/system.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

namespace fovea {
namespace {

/// The first word of a file as a number; 0 where it is missing or no number ("max").
int64_t number_in(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : 0;
}

int64_t detect_memory_limit() {
  if (const char* text = std::getenv("FOVEA_MEMORY_LIMIT")) {
    const long long value = std::atoll(text);
    if (value > 0) return value;
  }
  int64_t limit = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const int64_t value = number_in(path); value > 0) limit = std::min(limit, value);
  return limit;
}

int detect_cores() {
  cpu_set_t set;
  int cores = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  double quota = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    double allowed = 0, period = 0;
    if (file >> allowed >> period && period > 0) quota = allowed / period;
  } else if (const int64_t allowed = number_in("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); allowed > 0) {
    if (const int64_t period = number_in("/sys/fs/cgroup/cpu/cpu.cfs_period_us"); period > 0)
      quota = static_cast<double>(allowed) / static_cast<double>(period);
  }
  if (quota > 0) cores = std::min(cores, static_cast<int>(std::ceil(quota)));
  return std::max(cores, 1);
}

}  // namespace

int64_t memory_limit() {
  static const int64_t limit = detect_memory_limit();
  return limit;
}

int granted_cores() {
  static const int cores = detect_cores();
  return cores;
}

}  // namespace fovea
