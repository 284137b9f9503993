#include "bench/process_group.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

namespace fovea::bench {
namespace {

/// CPU time of a process in nanoseconds' resolution; /proc/PID/stat counts in hundredths of a second.
double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void add_memory(pid_t pid, GroupUsage& usage) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    double* sum = line.starts_with("VmHWM:")   ? &usage.peak_rss_mb
                  : line.starts_with("VmRSS:") ? &usage.rss_mb
                                               : nullptr;
    if (sum) *sum += static_cast<double>(std::strtoll(line.c_str() + strlen("VmHWM:"), nullptr, 10)) * 1024e-6;  // KiB
  }
}

}  // namespace

GroupUsage usage_of(pid_t group) {
  GroupUsage usage;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), closedir);
  if (!processes) return usage;
  while (const dirent* entry = readdir(processes.get())) {
    pid_t pid = 0;
    const char* end = entry->d_name + strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, pid).ptr != end || pid <= 0 || getpgid(pid) != group) continue;
    add_memory(pid, usage);
    usage.cpu_s += cpu_seconds(pid);
  }
  return usage;
}

}  // namespace fovea::bench
