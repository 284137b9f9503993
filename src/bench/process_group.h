// What the processes of a group use: memory and CPU time, as Linux counts them.
#pragma once

#include <sys/types.h>

namespace fovea::bench {

struct GroupUsage {
  double rss_mb = 0;       // now, all processes together; pages that they share count in each
  double peak_rss_mb = 0;  // the sum of each one's own peak
  double cpu_s = 0;        // since each one's start, all threads
};

/// Of the processes that are alive; zeros where there are none, or no /proc.
GroupUsage usage_of(pid_t group);

}  // namespace fovea::bench
