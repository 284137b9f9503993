#include "providers.h"

#include <algorithm>
#include <string>

#include "precision.h"
#include "preload.h"
#include "tensorrt.h"

namespace fovea::plugin {
namespace {

/// The functions of a provider that has an options object of its own.
template <class T>
struct ProviderApi {
  OrtStatusPtr(ORT_API_CALL* create)(T**);
  OrtStatusPtr(ORT_API_CALL* update)(T*, const char* const*, const char* const*, size_t);
  OrtStatusPtr(ORT_API_CALL* read)(const T*, OrtAllocator*, char**);
  OrtStatusPtr(ORT_API_CALL* append)(OrtSessionOptions*, const T*);
  void(ORT_API_CALL* release)(T*);
};

/// "a=1;b=2;3;c=4": a piece without "=" belongs to the value before it.
Facts split_options(const std::string& text) {
  Facts facts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(';', begin), text.size());
    const std::string piece = text.substr(begin, end - begin);
    const size_t equals = piece.find('=');
    if (equals != std::string::npos)
      facts.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
    else if (!facts.empty())
      facts.back().second += ";" + piece;
    begin = end + 1;
  }
  return facts;
}

/// An options object of one provider.
template <class T>
class ProviderOptions {
 public:
  /// Loads the provider's library.
  ProviderOptions(const OnnxRuntime& library, const ProviderApi<T>& functions, const Log& log)
      : library_(library), functions_(functions), options_(library.make<T>(functions.release, functions.create)) {
    const auto load = [&] { write({}); };
    load_with_packages(library.file(), load, log);
  }

  void set(const Options& options) {
    if (options.empty()) return;
    try {
      write(options);
    } catch (Failure& failure) {
      if (lacks_gpu(failure)) throw;
      std::string known;
      for (const auto& [name, value] : read()) known += (known.empty() ? "" : ", ") + name;
      failure.code = FOVEA_INVALID_ARGUMENT;
      failure.fix = "it has " + known;
      throw;
    }
  }
  Facts read() const {
    OrtAllocator* allocator = nullptr;
    library_.check(library_.api().GetAllocatorWithDefaultOptions(&allocator));
    char* text = nullptr;
    library_.check(functions_.read(options_.get(), allocator, &text));
    Facts facts = split_options(library_.take_text(text));
    std::ranges::sort(facts);  // they come in the order of a hash
    return facts;
  }
  void append_to(OrtSessionOptions* session) const { library_.check(functions_.append(session, options_.get())); }

 private:
  void write(const Options& options) {
    const NamesAndValues lists(options);
    library_.check(functions_.update(options_.get(), lists.names.data(), lists.values.data(), options.size()));
  }

  const OnnxRuntime& library_;
  ProviderApi<T> functions_;
  Owned<T> options_;
};

/// Replayed graphs read inputs where they were when the graph was captured; here they are copied to a fresh place.
void refuse_graphs(const Options& options, const char* name) {
  const auto option = options.find(name);
  if (option == options.end() || option->second == "0" || option->second == "false" || option->second == "False")
    return;
  fail(FOVEA_UNSUPPORTED,
       std::string("-O ") + name +
           " needs inputs that stay at one address of the device, and this "
           "backend takes them from the host's memory",
       "leave it out, or use --backend tensorrt");
}

/// Into the facts of the engine; and to the log, because there may never be an engine.
void read_back(const Facts& options, const std::string& prefix, const SessionParts& parts) {
  for (const auto& [name, value] : options) {
    parts.facts.emplace_back(prefix + name, value);
    parts.log.log().note("option " + prefix + name + "=" + value);
  }
}

void append_cuda(const SessionParts& parts, const Options& options, const std::string& prefix) {
  refuse_graphs(options, "enable_cuda_graph");
  const OrtApi& api = parts.library.api();
  const ProviderApi<OrtCUDAProviderOptionsV2> functions{
      api.CreateCUDAProviderOptions, api.UpdateCUDAProviderOptions, api.GetCUDAProviderOptionsAsString,
      api.SessionOptionsAppendExecutionProvider_CUDA_V2, api.ReleaseCUDAProviderOptions};
  ProviderOptions<OrtCUDAProviderOptionsV2> provider(parts.library, functions, parts.log.log());
  provider.set(options);
  read_back(provider.read(), prefix, parts);
  provider.append_to(parts.options);
}

/// TensorRT first, and CUDA for what it leaves.
void append_tensorrt(const SessionParts& parts, const Options& given) {
  refuse_graphs(given, "trt_cuda_graph_enable");
  Options options, cuda = {{"use_tf32", "0"}};
  for (const auto& [name, value] : given) {
    const bool shared = name == "device_id" || name == "user_compute_stream" || name == "has_user_compute_stream";
    const bool ours = name.starts_with("trt_");
    if (ours || shared) options[name] = value;
    if (!ours || shared) cuda[name] = value;
  }
  const OrtApi& api = parts.library.api();
  const ProviderApi<OrtTensorRTProviderOptionsV2> functions{
      api.CreateTensorRTProviderOptions, api.UpdateTensorRTProviderOptions, api.GetTensorRTProviderOptionsAsString,
      api.SessionOptionsAppendExecutionProvider_TensorRT_V2, api.ReleaseTensorRTProviderOptions};
  ProviderOptions<OrtTensorRTProviderOptionsV2> provider(parts.library, functions, parts.log.log());
  const TensorRtVersion tensorrt = loaded_tensorrt();
  if (tensorrt.major) parts.facts.emplace_back("TensorRT", tensorrt.text + " (" + tensorrt.location + ")");
  set_tensorrt_precision(parts.request, parts.model, tensorrt.major, options);
  if (!parts.cache.empty()) {
    options.emplace("trt_engine_cache_enable", "1");
    options.emplace("trt_engine_cache_path", parts.cache);
    options.emplace("trt_timing_cache_enable", "1");
    options.emplace("trt_timing_cache_path", parts.cache);
  }
  provider.set(options);
  read_back(provider.read(), "", parts);
  provider.append_to(parts.options);
  append_cuda(parts, cuda, "CUDA ");
}

void append_openvino(const SessionParts& parts, Options options) {
  set_openvino_precision(parts.request, parts.model, options);
  options.emplace("device_type", "CPU");
  if (options["device_type"] == "CPU") options.emplace("num_of_threads", std::to_string(parts.request.threads));
  if (!parts.cache.empty()) options.emplace("cache_dir", parts.cache);
  const NamesAndValues lists(options);
  const auto append = [&] {
    parts.log.take_last_error();
    try {
      parts.library.check(parts.library.api().SessionOptionsAppendExecutionProvider_OpenVINO_V2(
          parts.options, lists.names.data(), lists.values.data(), options.size()));
    } catch (Failure& failure) {
      // The status says only that it failed; why is in the log.
      if (const std::string reason = sentence_of(parts.log.take_last_error()); !reason.empty()) {
        failure.message = reason;
        failure.code = FOVEA_INVALID_ARGUMENT;
        failure.fix = "see ONNX Runtime's page of the OpenVINO provider for its options and devices";
      }
      throw;
    }
  };
  load_with_packages(parts.library.file(), append, parts.log.log());
  for (const auto& [name, value] : options) parts.facts.emplace_back(name, value);  // it cannot read them back
}

[[noreturn]] void refuse_option(const std::string& name) {
  std::string known;
  for (const fovea_option* o = kOptions; std::string_view(o->name) != "device_id"; ++o)  // the rest is of GPUs
    known += (known.empty() ? "" : ", ") + std::string(o->name);
  fail(FOVEA_INVALID_ARGUMENT, "backend onnxruntime has no option \"" + name + "\" on the device cpu",
       "it has " + known);
}

[[noreturn]] void refuse_provider(const SessionParts& parts, const std::string& provider) {
  std::string built_with;
  for (const std::string& name : parts.library.providers()) built_with += (built_with.empty() ? "" : ", ") + name;
  fail(FOVEA_UNAVAILABLE,
       "ONNX Runtime " + parts.library.version() + " of " + parts.library.file().string() + " was built without " +
           provider + "; it has " + built_with,
       std::string("`pip install ") +
           (parts.request.device == "openvino" ? "onnxruntime-openvino" : "onnxruntime-gpu") +
           "` into a Python environment, and name that with -O library=PATH or FOVEA_ONNXRUNTIME");
}

}  // namespace

const char* provider_of(std::string_view device) {
  if (device == "cuda") return "CUDAExecutionProvider";
  if (device == "tensorrt") return "TensorrtExecutionProvider";
  if (device == "openvino") return "OpenVINOExecutionProvider";
  return "CPUExecutionProvider";
}

void append_provider(const SessionParts& parts, Options options) {
  const std::string& device = parts.request.device;
  const char* provider = provider_of(device);
  parts.facts.emplace_back("provider", provider);
  if (!parts.library.has(provider)) refuse_provider(parts, provider);
  if (device == "cuda") {
    set_cuda_precision(parts.request, parts.model, options);
    append_cuda(parts, options, "");
  } else if (device == "tensorrt") {
    append_tensorrt(parts, options);
  } else if (device == "openvino") {
    append_openvino(parts, std::move(options));
  } else if (!options.empty()) {
    refuse_option(options.begin()->first);
  }
}

void check_placement(std::string_view device, std::span<const Placement> placements, Facts& facts) {
  if (placements.empty()) return;
  const std::string provider = provider_of(device);
  std::string all;
  for (const Placement& placement : placements) {
    std::string text = std::to_string(placement.count);
    if (placement.provider == "CPUExecutionProvider" && !placement.nodes.empty()) {
      text += ":";
      for (const std::string& node : placement.nodes) text += (text.back() == ':' ? " " : ", ") + node;
      if (placement.nodes.size() < placement.count) text += ", ...";
    }
    facts.emplace_back("nodes on " + placement.provider, text);
    all += (all.empty() ? "" : ", ") + std::to_string(placement.count) + " on " + placement.provider;
  }
  if (std::ranges::none_of(placements, [&](const Placement& p) { return p.provider == provider && p.count > 0; }))
    fail(FOVEA_UNSUPPORTED, provider + " took no node of this model: " + all,
         "run it with -v for the provider's reasons, or on another device");
}

}  // namespace fovea::plugin
