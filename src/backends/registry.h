// The backends by name: which ones there are, which of them can run here, and what to do about the others.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace fovea::backends {

/// One line of `fovea doctor`.
struct Status {
  std::string name;
  std::string title;                 // "ONNX Runtime", for people
  const Backend* backend = nullptr;  // nullptr: it cannot run here
  std::string reason, fix;           // where it cannot
};

/// The six backends that fovea knows, in a fixed order, then the others of the plugin folders; loads them all. One
/// whose plugin loads may still lack its library: Backend::probe tells.
std::vector<Status> all();

/// Error: unavailable, for a name that nobody knows and for a backend whose plugin is not there or cannot be loaded.
Result<const Backend*> find(std::string_view name);

struct Choice {
  const Backend* backend = nullptr;
  std::string_view device;  // of backend->devices()
};
/// "NAME" or "NAME:device". Error: unavailable.
Result<Choice> choose(std::string_view name);

/// False for files that another runtime's format names (TorchScript, OpenVINO's IR, compiled modules): fovea has no
/// graph of those. Everything else is taken for ONNX.
bool is_onnx(const std::filesystem::path& model);

/// The file that this backend reads for this model: the path itself where it has a suffix of the backend's, else a file
/// beside it that differs in the suffix only (resnet50.onnx -> resnet50.pt). Error: not_found, with the fix.
Result<std::filesystem::path> model_file(const Backend& backend, const std::filesystem::path& model);

/// Compiles with the backend and device that options.backend names. Error: unavailable; model_file's; what
/// Backend::compile says.
Result<std::shared_ptr<Engine>> compile(const Source& source, const CompileOptions& options);

}  // namespace fovea::backends
