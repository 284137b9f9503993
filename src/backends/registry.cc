#include "backends/registry.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "backends/native/native.h"
#include "base/error.h"

namespace fovea::backends {
namespace {

struct Line {
  std::string_view name;
  std::string_view library;
  const Backend* (*find)();  // nullptr: this version has no plugin for it
};

constexpr Line kBackends[] = {
    {"native", "fovea's own engine for CPUs", native},
    {"onnxruntime", "ONNX Runtime (CPU, CUDA, TensorRT)", nullptr},
    {"openvino", "OpenVINO", nullptr},
    {"torch", "LibTorch", nullptr},
    {"tensorrt", "TensorRT", nullptr},
    {"tvm", "Apache TVM", nullptr},
};

Status status_of(const Line& line) {
  Status status{line.name, line.library, line.find ? line.find() : nullptr, {}, {}};
  if (!status.backend) {
    status.reason = fmt::format("this version of fovea has no plugin for {}", line.library);
    status.fix = "use --backend native";
  }
  return status;
}

}  // namespace

std::vector<Status> all() {
  std::vector<Status> lines;
  for (const Line& line : kBackends) lines.push_back(status_of(line));
  return lines;
}

Result<const Backend*> find(std::string_view name) {
  const auto* line = std::ranges::find(kBackends, name, &Line::name);
  if (line == std::end(kBackends)) {
    std::vector<std::string_view> names;
    for (const Line& known : kBackends) names.push_back(known.name);
    return unavailable("no backend is called \"{}\"", name)
        .with_fix(fmt::format("use one of {}; fovea doctor says which can run here", fmt::join(names, ", ")));
  }
  Status status = status_of(*line);
  if (!status.backend)
    return unavailable("{}", status.reason).at(fmt::format("backend {}", name)).with_fix(std::move(status.fix));
  return status.backend;
}

Result<std::shared_ptr<Engine>> compile(const Source& source, const CompileOptions& options) {
  const std::string_view text = options.backend;
  const size_t colon = text.find(':');
  const Backend* backend = FOVEA_TRY(find(text.substr(0, colon)));
  const auto devices = backend->devices();
  std::string_view device = devices.front();
  if (colon != std::string_view::npos) {
    const std::string_view wanted = text.substr(colon + 1);
    const auto found = std::ranges::find(devices, wanted);
    if (found == devices.end())
      return unavailable("backend {} has no device \"{}\"", backend->name(), wanted)
          .with_fix(fmt::format("it has {}", fmt::join(devices, ", ")));
    device = *found;
  }
  return std::shared_ptr<Engine>(FOVEA_TRY(backend->compile(source, device, options)));
}

}  // namespace fovea::backends
