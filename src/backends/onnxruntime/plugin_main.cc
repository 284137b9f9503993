// The backend "onnxruntime": finds ONNX Runtime when it is asked for, and makes sessions of models.
#include <onnxruntime_c_api.h>

#include "cache.h"
#include "engine.h"
#include "library.h"
#include "locate.h"
#include "logging.h"
#include "model_scan.h"
#include "options.h"
#include "precision.h"
#include "preload.h"
#include "providers.h"

namespace fovea::plugin {
namespace {

/// An ONNX file with one Identity, to learn whether a provider starts: ONNX IR 8, opset 13, y = Identity(x), both
/// float[1].
constexpr unsigned char kIdentity[] = {
    0x08, 0x08,                                                                                      // ir_version
    0x3a, 0x33,                                                                                      // graph
    0x0a, 0x10, 0x0a, 1,  'x', 0x12, 1, 'y',  0x22, 8,    'I', 'd',  'e', 'n',  't', 'i', 't', 'y',  // node
    0x12, 1,    'g',                                                                                 // name
    0x5a, 0x0d, 0x0a, 1,  'x', 0x12, 8, 0x0a, 6,    0x08, 1,   0x12, 2,   0x0a, 0,                   // input
    0x62, 0x0d, 0x0a, 1,  'y', 0x12, 8, 0x0a, 6,    0x08, 1,   0x12, 2,   0x0a, 0,                   // output
    0x42, 2,    0x10, 13,                                                                            // opset_import
};

Owned<OrtSession> make_session(const OnnxRuntime& library, const std::string& model, const OrtSessionOptions* options) {
  return library.make<OrtSession>(library.api().ReleaseSession, library.api().CreateSession, library.env(),
                                  model.c_str(), options);
}

/// Calls `make`, and adds to what it throws what can be done about it.
template <class F>
auto explained(F make) {
  try {
    return make();
  } catch (Failure& failure) {
    if (!lacks_gpu(failure) && failure.fix.empty()) {
      if (failure.code == FOVEA_INVALID_MODEL)
        failure.fix = "export the model again, or let onnx.checker say what is wrong with it";
      if (failure.code == FOVEA_UNSUPPORTED) failure.fix = "use a newer ONNX Runtime, or another backend";
    }
    throw;
  }
}

/// A session on the CPU whose optimised graph is kept between loads.
Owned<OrtSession> make_cached_session(const OnnxRuntime& library, const Request& request, OrtSessionOptions* options,
                                      const Log& log, Facts& facts) {
  const OrtApi& api = library.api();
  OptimizedModel kept(cache_folder(request, library));
  if (kept.there()) {
    try {
      Owned<OrtSessionOptions> as_it_is = library.make<OrtSessionOptions>(
          api.ReleaseSessionOptions, api.CloneSessionOptions, const_cast<const OrtSessionOptions*>(options));
      library.check(api.SetSessionGraphOptimizationLevel(as_it_is.get(), ORT_DISABLE_ALL));
      auto session = make_session(library, kept.file().string(), as_it_is.get());
      facts.emplace_back("cache", "the optimised graph of " + kept.file().string());
      return session;
    } catch (const Failure& failure) {
      log.note("dropped " + kept.file().string() + ": " + failure.message);
      kept.discard();
    }
  }
  library.check(api.SetOptimizedModelFilePath(options, kept.draft().c_str()));
  auto session = make_session(library, request.model, options);
  facts.emplace_back("cache", kept.keep() ? "wrote the optimised graph to " + kept.file().string()
                                          : "the optimised graph could not be written to " + kept.file().string());
  return session;
}

/// Protobuf ends at 2 GiB, and the optimised graph holds all weights.
constexpr uint64_t kLargestCached = 1900u << 20;

/// Why nothing is kept of this engine; "" where something is.
std::string why_uncached(const Request& request, const ModelScan& model, const Options& options) {
  if (request.cache.empty()) return "none was asked for";
  if (request.device == "cuda") return "none: the CUDA provider has nothing to keep";
  if (request.device != "cpu") return "";
  if (model.bytes >= kLargestCached) return "none: the optimised graph would not fit into a file of 2 GiB";
  for (const char* name : {"optimized_model_filepath", "graph_optimization_level"})
    if (options.contains(name)) return std::string("none, because of -O ") + name;
  return "";
}

class OnnxRuntimeBackend final : public Runtime {
 public:
  Library probe(std::string_view device, const Options& given, const Log& log) override {
    LogScope scope(log);
    Options options;
    for (const char* name : {"device_id", "device_type"})
      if (const auto option = given.find(name); option != given.end() && device != "cpu") options.insert(*option);
    const auto named = given.find("library");
    const OnnxRuntime& library =
        find_library(named == given.end() ? std::string() : named->second, provider_of(device));
    if (device != "cpu") start_provider(library, std::string(device), options, scope);
    return {library.version(), library.file().string()};
  }

  std::unique_ptr<Engine> compile(const Request& request, const Log& log) override {
    LogScope scope(log);
    Options options = request.options;
    const OnnxRuntime& library = find_library(take(options, "library"), provider_of(request.device));
    const ModelScan model = scan_model(request.model);
    const bool on_cpu = request.device == "cpu";
    if (on_cpu) set_cpu_precision(request, model, options);
    const std::string uncached = why_uncached(request, model, options);
    const bool logs = options.contains("log_severity_level");

    Facts facts;
    const auto session_options = make_session_options(library, request.threads, options, scope, facts);
    if (!on_cpu && !logs)  // tells where the nodes go
      library.check(library.api().SetSessionLogSeverityLevel(session_options.get(), ORT_LOGGING_LEVEL_VERBOSE));
    const std::string folder = on_cpu || !uncached.empty() ? "" : cache_folder(request, library).string();
    if (!uncached.empty()) facts.emplace_back("cache", uncached);
    append_provider({library, request, model, folder, session_options.get(), scope, facts}, std::move(options));

    auto session = explained([&] {
      return on_cpu && uncached.empty() ? make_cached_session(library, request, session_options.get(), log, facts)
                                        : make_session(library, request.model, session_options.get());
    });
    if (!on_cpu) check_placement(request.device, scope.placements(), facts);
    auto engine = std::make_unique<SessionEngine>(library, std::move(session));
    engine->facts = std::move(facts);
    return engine;
  }

 private:
  static void start_provider(const OnnxRuntime& library, const std::string& device, const Options& options,
                             LogScope& scope) {
    const Request request{"", device, FOVEA_FP32, 1, "", {}, {}};
    Facts facts;
    Options none;
    const auto session_options = make_session_options(library, 1, none, scope, facts);
    append_provider({library, request, {}, "", session_options.get(), scope, facts}, options);
    explained([&] {
      return library.make<OrtSession>(library.api().ReleaseSession, library.api().CreateSessionFromArray, library.env(),
                                      static_cast<const void*>(kIdentity), sizeof kIdentity,
                                      const_cast<const OrtSessionOptions*>(session_options.get()));
    });
  }
};

constexpr const char* kDevices[] = {"cpu", "cuda", "tensorrt", "openvino", nullptr};
constexpr const char* kSuffixes[] = {".onnx", ".ort", nullptr};

}  // namespace

Runtime& runtime() {
  static OnnxRuntimeBackend backend;
  return backend;
}

fovea_backend texts() {
  fovea_backend texts{};
  texts.name = "onnxruntime";
  texts.title = "ONNX Runtime";
  texts.devices = kDevices;
  texts.suffixes = kSuffixes;
  texts.options = kOptions;
  return texts;
}

}  // namespace fovea::plugin
