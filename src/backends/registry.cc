#include "backends/registry.h"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/ranges.h>

#include "backends/native/native.h"
#include "backends/plugin_backend.h"
#include "base/error.h"

namespace fovea::backends {
namespace {

struct Known {
  std::string_view name;
  std::string_view title;
};

/// In the order in which people see them. The native engine is built in; the others are plugins.
constexpr Known kKnown[] = {
    {"native", "fovea's own engine for CPUs"},
    {"onnxruntime", "ONNX Runtime (CPU, CUDA, TensorRT, OpenVINO)"},
    {"openvino", "OpenVINO"},
    {"torch", "LibTorch"},
    {"tensorrt", "TensorRT"},
    {"tvm", "Apache TVM"},
};

/// A plugin is loaded when first asked for, and once.
Result<const Backend*> load_once(const PluginFile& file) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const Backend>> loaded;  // by path
  const std::lock_guard lock(mutex);
  auto& backend = loaded[file.path.string()];
  if (!backend) backend = FOVEA_TRY(load_plugin(file));
  return backend.get();
}

Status status_of(std::string name, std::string_view title, std::span<const PluginFile> files) {
  Status status{std::move(name), std::string(title), nullptr, {}, {}};
  if (status.name == "native") {
    status.backend = native();
    return status;
  }
  const auto file = std::ranges::find(files, status.name, &PluginFile::name);
  if (file == files.end()) {
    status.reason = "its plugin was not built";
    status.fix = "run ./dev setup --backends and ./dev build, or put the plugin into a folder of FOVEA_PLUGINS";
    return status;
  }
  auto backend = load_once(*file);
  if (!backend.ok()) {
    status.reason = fmt::format("{}: {}", backend.error().where, backend.error().message);
    status.fix = backend.error().fix;
    return status;
  }
  status.backend = *backend;
  if (title.empty()) status.title = status.backend->title();
  return status;
}

std::vector<std::string> names(std::span<const PluginFile> files) {
  std::vector<std::string> result;
  for (const Known& known : kKnown) result.emplace_back(known.name);
  for (const PluginFile& file : files)
    if (std::ranges::find(result, file.name) == result.end()) result.push_back(file.name);
  return result;
}

std::string_view title_of(std::string_view name) {
  const auto* known = std::ranges::find(kKnown, name, &Known::name);
  return known == std::end(kKnown) ? std::string_view() : known->title;
}

}  // namespace

std::vector<Status> all() {
  const std::vector<PluginFile> files = plugin_files();
  std::vector<Status> result;
  for (const std::string& name : names(files)) result.push_back(status_of(name, title_of(name), files));
  return result;
}

Result<const Backend*> find(std::string_view name) {
  const std::vector<PluginFile> files = plugin_files();
  const std::vector<std::string> known = names(files);
  if (std::ranges::find(known, name) == known.end())
    return unavailable("no backend is called \"{}\"", name)
        .with_fix(fmt::format("use one of {}; fovea doctor says which can run here", fmt::join(known, ", ")));
  Status status = status_of(std::string(name), title_of(name), files);
  if (!status.backend)
    return unavailable("{}", status.reason).at(fmt::format("backend {}", name)).with_fix(std::move(status.fix));
  return status.backend;
}

Result<Choice> choose(std::string_view name) {
  const size_t colon = name.find(':');
  const Backend* backend = FOVEA_TRY(find(name.substr(0, colon)));
  const auto devices = backend->devices();
  if (colon == std::string_view::npos) return Choice{backend, devices.front()};
  const auto device = std::ranges::find(devices, name.substr(colon + 1));
  if (device == devices.end())
    return unavailable("backend {} has no device \"{}\"", backend->name(), name.substr(colon + 1))
        .with_fix(fmt::format("it has {}", fmt::join(devices, ", ")));
  return Choice{backend, *device};
}

bool is_onnx(const std::filesystem::path& model) {
  constexpr std::string_view kOthers[] = {".pt", ".pth", ".pt2", ".xml", ".so", ".engine", ".plan", ".fovea"};
  return std::ranges::find(kOthers, model.extension().string()) == std::end(kOthers);
}

Result<std::filesystem::path> model_file(const Backend& backend, const std::filesystem::path& model) {
  const std::string file = model.filename().string();
  const auto suffixes = backend.suffixes();
  for (std::string_view suffix : suffixes)
    if (file.ends_with(suffix) || (suffix == ".onnx" && is_onnx(model))) return model;
  std::filesystem::path beside = model;
  std::error_code failed;
  for (std::string_view suffix : suffixes) {
    beside.replace_filename(model.stem().string() + std::string(suffix));
    if (std::filesystem::exists(beside, failed)) return beside;
  }
  beside.replace_filename(model.stem().string() + std::string(suffixes.front()));
  return not_found("backend {} reads {} files, and none lies beside the model", backend.name(),
                   fmt::join(suffixes, ", "))
      .at(model.string())
      .with_fix(fmt::format("make {}; docs/backends.md says how", beside.string()));
}

Result<std::shared_ptr<Engine>> compile(const Source& source, const CompileOptions& options) {
  const Choice choice = FOVEA_TRY(choose(options.backend));
  Source file = source;
  file.path = FOVEA_TRY(model_file(*choice.backend, source.path));
  return std::shared_ptr<Engine>(FOVEA_TRY(choice.backend->compile(file, choice.device, options)));
}

}  // namespace fovea::backends
