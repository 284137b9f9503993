#include "base/cpu_model.h"

#include <fstream>
#include <set>

namespace fovea {

std::string cpu_model(std::istream& cpuinfo) {
  std::set<std::string> kinds;  // of Arm's cores
  std::string kind;
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(colon + 2);
    if (line.starts_with("model name")) return value;
    for (const char* field : {"CPU implementer", "CPU variant", "CPU part", "CPU revision"})
      if (line.starts_with(field)) kind += (kind.empty() ? "" : " ") + value;
    if (line.starts_with("CPU revision")) {  // the last one of a core
      kinds.insert(kind);
      kind.clear();
    }
  }
  std::string all;
  for (const std::string& each : kinds) all += (all.empty() ? "Arm " : ", ") + each;
  return all;
}

std::string cpu_model() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  return cpu_model(cpuinfo);
}

}  // namespace fovea
