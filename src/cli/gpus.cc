#include "cli/gpus.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...": the first word that looks like it.
std::string driver_version(const fs::path& proc) {
  std::ifstream file(proc / "version");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line);
  for (std::string word; words >> word;)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos) return word;
  return {};
}

/// "Model: \t\t NVIDIA L4".
std::string model_in(const fs::path& information) {
  std::ifstream file(information);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("Model:")) continue;
    const size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return "unknown";
}

}  // namespace

Gpus nvidia_gpus(const fs::path& proc, const fs::path& dev) {
  Gpus gpus;
  gpus.driver = driver_version(proc);
  std::error_code failed;
  for (fs::directory_iterator entry(proc / "gpus", failed), end; !failed && entry != end; entry.increment(failed))
    gpus.names.push_back(model_in(entry->path() / "information"));
  if (gpus.names.empty())
    for (fs::directory_iterator entry(dev, failed), end; !failed && entry != end; entry.increment(failed)) {
      const std::string name = entry->path().filename().string();
      if (name.starts_with("nvidia") && is_number(std::string_view(name).substr(6))) gpus.names.emplace_back("unknown");
    }
  std::ranges::sort(gpus.names);
  return gpus;
}

}  // namespace fovea::cli
