#include "cli/library_versions.h"

#include <string_view>

namespace fovea::cli {

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::vector<std::pair<std::string, std::string>> versions;
  std::string_view rest = FOVEA_LIBRARIES;  // "fmt=9.1.0,libpng=1.6.39"
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.find('=');
    if (equals + 1 < item.size()) versions.emplace_back(item.substr(0, equals), item.substr(equals + 1));
  }
  return versions;
}

}  // namespace fovea::cli
