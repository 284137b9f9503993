// The backend `tvm`: modules that tools/compile_tvm.py compiled from ONNX files, run by TVM's virtual machine.
#include <dlfcn.h>
#include <tvm/runtime/base.h>
#include <tvm/runtime/c_backend_api.h>

#include <algorithm>
#include <filesystem>

#include "engine.h"
#include "plugin.h"
#include "sidecar.h"

namespace fovea::plugin {
namespace {

constexpr const char* kDevices[] = {"cpu", nullptr};
constexpr const char* kSuffixes[] = {".tvm.so", nullptr};
constexpr fovea_option kOptions[] = {{nullptr, nullptr}};

std::string to_text(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

/// The first input that is asked for in another shape than the module has, or nullptr.
const Port* misfit(const Sidecar& sidecar, const Request& request) {
  for (const Port& asked : request.inputs) {
    const auto known = std::ranges::find(sidecar.inputs, asked.name, &Port::name);
    if (known == sidecar.inputs.end() || known->shape != asked.shape) return &asked;
  }
  return nullptr;
}

/// MODEL.b8.tvm.so beside MODEL.tvm.so, for batches of 8.
std::string library_for_batch(const std::string& library, int64_t batch) {
  constexpr std::string_view kSuffix = ".tvm.so";
  std::string other = library.substr(0, library.size() - kSuffix.size());
  return other + ".b" + std::to_string(batch) + std::string(kSuffix);
}

class Tvm final : public Runtime {
 public:
  Library probe(std::string_view, const Options&, const Log&) override {
    Dl_info info{};
    const bool found = dladdr(reinterpret_cast<const void*>(&TVMBackendParallelLaunch), &info) != 0;
    return {TVM_VERSION, found && info.dli_fname ? info.dli_fname : ""};
  }

  std::unique_ptr<Engine> compile(const Request& request, const Log& log) override {
    expect_none_left(request.options, "tvm", kOptions);
    std::string library = request.model;
    if (!std::filesystem::is_regular_file(library))
      fail(FOVEA_NOT_FOUND, library + " is not a file", "compile the model with tools/compile_tvm.py");
    Sidecar sidecar = read_sidecar(library);
    if (const Port* asked = misfit(sidecar, request); asked && !asked->shape.empty()) {
      const std::string other = library_for_batch(library, asked->shape[0]);
      if (std::filesystem::is_regular_file(other)) {
        library = other;
        sidecar = read_sidecar(library);
      }
    }
    if (const Port* asked = misfit(sidecar, request))
      fail(FOVEA_INVALID_ARGUMENT,
           library + " was compiled for other inputs than \"" + asked->name + "\" of " + to_text(asked->shape),
           "compile one with tools/compile_tvm.py --batch N");
    if (sidecar.precision != name_of_precision(request.precision))
      fail(FOVEA_INVALID_ARGUMENT,
           library + " was compiled for " + sidecar.precision + ", not " +
               std::string(name_of_precision(request.precision)),
           "run it with --precision " + sidecar.precision);
    log.note("module " + library);
    return std::make_unique<TvmEngine>(std::filesystem::absolute(library).string(), std::move(sidecar),
                                       request.threads);
  }
};

}  // namespace

Runtime& runtime() {
  static Tvm runtime;
  return runtime;
}

fovea_backend texts() {
  fovea_backend texts{};
  texts.name = "tvm";
  texts.title = "Apache TVM";
  texts.devices = kDevices;
  texts.suffixes = kSuffixes;
  texts.options = kOptions;
  return texts;
}

}  // namespace fovea::plugin
