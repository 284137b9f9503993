// What the operating system grants: memory and cores, with the cgroup's limits taken into account.
#pragma once

#include <cstdint>

namespace fovea {

/// Bytes that one tensor may have at most: what the machine or the cgroup grants, or FOVEA_MEMORY_LIMIT (bytes).
int64_t memory_limit();

/// Cores that this process may really use (affinity and the cgroup's quota), at least 1.
int granted_cores();

}  // namespace fovea
