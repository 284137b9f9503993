// The NVIDIA GPUs of this machine, as the driver's files name them; no library is needed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fovea::cli {

struct Gpus {
  std::vector<std::string> names;  // "NVIDIA L4"; "unknown" for one that has a device file only
  std::string driver;              // "550.54.15"; empty where it does not say
};

/// Reads /proc/driver/nvidia, and /dev for containers that hide it. No names where there is none.
Gpus nvidia_gpus(const std::filesystem::path& proc = "/proc/driver/nvidia", const std::filesystem::path& dev = "/dev");

}  // namespace fovea::cli
