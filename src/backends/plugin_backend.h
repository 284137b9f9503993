// A backend that lives in a shared library of its own and speaks fovea/fovea_backend.h.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "backends/backend.h"

namespace fovea::backends {

/// Where plugins are looked for, the first one first: the folders of FOVEA_PLUGINS (colons between them), `plugins`
/// beside this program, the installation's lib/fovea/plugins.
std::vector<std::filesystem::path> plugin_folders();

/// libfovea_backend_NAME.so; NAME consists of a-z, 0-9 and _.
struct PluginFile {
  std::string name;
  std::filesystem::path path;
};
/// The plugins that lie in plugin_folders(), without loading them. Of equal names the first one counts.
std::vector<PluginFile> plugin_files();

/// Loads the library, which then stays loaded until the program ends: few runtimes survive being unloaded. Error:
/// unavailable, for a library that cannot be loaded, is no plugin, speaks another version, or has another name.
Result<std::unique_ptr<const Backend>> load_plugin(const PluginFile& file);

}  // namespace fovea::backends
