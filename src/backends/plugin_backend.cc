#include "backends/plugin_backend.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "backends/plugin_engine.h"
#include "base/error.h"

namespace fovea::backends {
namespace {

constexpr std::string_view kPrefix = "libfovea_backend_", kSuffix = ".so";

bool is_name(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::vector<std::string_view> to_views(const char* const* list) {
  std::vector<std::string_view> views;
  for (; list && *list; ++list) views.emplace_back(*list);
  return views;
}

class PluginBackend final : public Backend {
 public:
  explicit PluginBackend(const fovea_backend& table)
      : table_(table), devices_(to_views(table.devices)), suffixes_(to_views(table.suffixes)) {
    for (const fovea_option* o = table.options; o && o->name; ++o) options_.push_back({o->name, o->meaning});
  }

  std::string_view name() const override { return table_.name; }
  std::string_view title() const override { return table_.title; }
  std::span<const std::string_view> devices() const override { return devices_; }
  std::span<const Option> options() const override { return options_; }
  std::span<const std::string_view> suffixes() const override { return suffixes_; }

  Result<Library> probe(std::string_view device, const CompileOptions& options) const override {
    const std::string device_name(device);
    const auto settings = to_settings(options);
    fovea_library library{};
    PluginReport report(table_.name);
    FOVEA_TRY(
        report.check(table_.probe(device_name.c_str(), settings.data(), settings.size(), &library, report.c_report())));
    library.version[sizeof library.version - 1] = '\0';
    library.location[sizeof library.location - 1] = '\0';
    return Library{library.version, library.location};
  }

  Result<std::unique_ptr<Engine>> compile(const Source& source, std::string_view device,
                                          const CompileOptions& options) const override {
    return compile_with_plugin(table_, source, device, options);
  }

 private:
  const fovea_backend& table_;
  std::vector<std::string_view> devices_, suffixes_;
  std::vector<Option> options_;
};

bool complete(const fovea_backend& t) {
  return t.name && t.title && t.devices && t.devices[0] && t.suffixes && t.suffixes[0] && t.probe && t.compile &&
         t.destroy && t.inputs && t.outputs && t.describe && t.prepare && t.run;
}

}  // namespace

std::vector<std::filesystem::path> plugin_folders() {
  std::vector<std::filesystem::path> folders;
  if (const char* list = std::getenv("FOVEA_PLUGINS")) {
    for (std::string_view rest = list; !rest.empty();) {
      const size_t colon = rest.find(':');
      if (colon != 0) folders.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    }
  }
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) folders.push_back(program.parent_path() / "plugins");
  folders.emplace_back(FOVEA_PLUGIN_FOLDER);
  return folders;
}

std::vector<PluginFile> plugin_files() {
  std::vector<PluginFile> files;
  for (const std::filesystem::path& folder : plugin_folders()) {
    std::error_code failed;
    std::vector<PluginFile> here;
    for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
      const std::string file = entry->path().filename().string();
      if (!file.starts_with(kPrefix) || !file.ends_with(kSuffix)) continue;
      if (file.size() < kPrefix.size() + kSuffix.size()) continue;
      std::string name = file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size());
      if (is_name(name)) here.push_back({std::move(name), entry->path()});
    }
    std::ranges::sort(here, {}, &PluginFile::name);
    for (PluginFile& file : here)
      if (std::ranges::find(files, file.name, &PluginFile::name) == files.end()) files.push_back(std::move(file));
  }
  return files;
}

Result<std::unique_ptr<const Backend>> load_plugin(const PluginFile& file) {
  const auto broken = [&](std::string reason, std::string fix) {
    return unavailable("{}", reason).at(file.path.string()).with_fix(std::move(fix));
  };
  void* library = dlopen(file.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    return broken(fmt::format("cannot be loaded: {}", reason ? reason : "unknown reason"),
                  "install the runtime that it needs; docs/backends.md says how");
  }
  const auto get = reinterpret_cast<fovea_backend_table_function>(dlsym(library, "fovea_backend_table"));
  if (!get) return broken("is no backend plugin: it exports no fovea_backend_table", "remove it from the folder");
  const fovea_backend* table = get(FOVEA_BACKEND_ABI);
  if (!table || table->abi != FOVEA_BACKEND_ABI)
    return broken(fmt::format("was built for another fovea: this one speaks version {}", FOVEA_BACKEND_ABI),
                  "build it again with this fovea's fovea_backend.h");
  if (!complete(*table)) return broken("its table has gaps", "fill every function and list");
  if (file.name != table->name)
    return broken(fmt::format("calls itself \"{}\"", table->name), "name the file after the backend");
  return std::unique_ptr<const Backend>(std::make_unique<PluginBackend>(*table));
}

}  // namespace fovea::backends
