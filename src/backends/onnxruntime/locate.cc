#include "locate.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace fovea::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGet =
    "`pip install onnxruntime` (GPUs: onnxruntime-gpu) into the active Python environment, or name the library with "
    "-O library=PATH or FOVEA_ONNXRUNTIME";

/// libonnxruntime.so, or with a version behind it, in this folder; of several, the shortest name.
std::optional<fs::path> in_folder(const fs::path& folder) {
  std::optional<fs::path> best;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with("libonnxruntime.so")) continue;
    if (!best || name.size() < best->filename().string().size()) best = entry->path();
  }
  return best;
}

/// In a Python environment: lib/python3.*/site-packages/onnxruntime/capi.
std::optional<fs::path> in_environment(const fs::path& environment) {
  std::error_code failed;
  for (fs::directory_iterator entry(environment / "lib", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (!entry->path().filename().string().starts_with("python")) continue;
    if (auto found = in_folder(entry->path() / "site-packages" / "onnxruntime" / "capi")) return found;
  }
  return std::nullopt;
}

std::optional<fs::path> under(const fs::path& place) {
  std::error_code failed;
  if (fs::is_regular_file(place, failed)) return place;
  for (const char* folder : {"", "lib", "capi", "onnxruntime/capi"})
    if (auto found = in_folder(place / folder)) return found;
  return in_environment(place);
}

const OnnxRuntime& load_from(const std::string& place, const std::string& named_by) {
  if (const auto file = under(place)) {
    std::error_code failed;
    return OnnxRuntime::load(fs::absolute(*file, failed));
  }
  fail(FOVEA_UNAVAILABLE, named_by + " names " + place + ", and there is no libonnxruntime.so in it",
       "name the file, its folder, or a Python environment with the package onnxruntime");
}

/// Where it is looked for when nobody has named it.
std::vector<fs::path> usual_places() {
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& environment) {
    if (auto file = in_environment(environment)) places.push_back(*std::move(file));
  };
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const char* active = std::getenv(variable); active && *active) add(active);
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  for (const char* up : {"..", "../.."})  // build/fovea, build/PRESET/fovea
    if (!failed) add(program.parent_path() / up / ".backends" / "venv");
  add(fs::path(FOVEA_BACKENDS_ROOT) / "venv");
  places.emplace_back("libonnxruntime.so.1");  // the loader knows where the system keeps it
  places.emplace_back("libonnxruntime.so");
  return places;
}

}  // namespace

const OnnxRuntime& find_library(const std::string& chosen, const char* provider) {
  if (!chosen.empty()) return load_from(chosen, "-O library");
  if (const char* named = std::getenv("FOVEA_ONNXRUNTIME"); named && *named)
    return load_from(named, "FOVEA_ONNXRUNTIME");
  const OnnxRuntime* first = nullptr;
  for (const fs::path& place : usual_places()) {
    try {
      const OnnxRuntime& library = OnnxRuntime::load(place);
      if (library.has(provider)) return library;
      if (!first) first = &library;
    } catch (const Failure&) {  // the next place may have a better one
    }
  }
  if (first) return *first;
  fail(FOVEA_UNAVAILABLE, "ONNX Runtime is not installed", std::string(kGet));
}

}  // namespace fovea::plugin
