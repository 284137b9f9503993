#include "options.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>

#include "mapped.h"

namespace fovea::plugin {

const fovea_option kOptions[] = {
    {"library", "libonnxruntime.so, its folder, or a Python environment with the package onnxruntime"},
    {"graph_optimization_level", "disable, basic, extended or all (default)"},
    {"execution_mode", "sequential (default) or parallel"},
    {"intra_op_num_threads", "threads within an operator (default: --threads)"},
    {"inter_op_num_threads", "operators at a time, where execution_mode is parallel (default 1)"},
    {"enable_mem_pattern", "1 (default) or 0"},
    {"enable_cpu_mem_arena", "1 (default) or 0"},
    {"use_deterministic_compute", "0 (default) or 1"},
    {"free_dimension_override", "NAME:VALUE[,NAME:VALUE...]: fixes symbolic dimensions"},
    {"optimized_model_filepath", "where to write the optimised graph"},
    {"profile_file_prefix", "profiles the session into a file whose name begins so"},
    {"log_severity_level", "0 (verbose) to 4; shown with -v (default 2, warnings)"},
    {"session.*", "config entries, as session.intra_op.allow_spinning=0"},
    {"optimization.*", "config entries of the optimisers"},
    {"mlas.*", "config entries of the CPU kernels"},
    {"ep.*", "config entries of the execution providers"},
    {"device_id", "cuda, tensorrt: which GPU"},
    {"trt_*", "tensorrt: provider options, as trt_builder_optimization_level=5"},
    {"*",
     "cuda, openvino: any other provider option, as cudnn_conv_algo_search=HEURISTIC or device_type=GPU; tensorrt: "
     "those of the CUDA provider, which runs what TensorRT leaves"},
    {nullptr, nullptr},
};

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& value, const std::string& wanted) {
  fail(FOVEA_INVALID_ARGUMENT, "option " + name + " cannot be \"" + value + "\"", "give it " + wanted);
}

int to_number(const std::string& name, const std::string& value, int least, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most)
    refuse(name, value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return number;
}

bool to_bool(const std::string& name, const std::string& value) {
  if (value == "1" || value == "true" || value == "True") return true;
  if (value == "0" || value == "false" || value == "False") return false;
  refuse(name, value, "1 or 0");
}

GraphOptimizationLevel to_level(const std::string& name, const std::string& value) {
  if (value == "disable" || value == "ORT_DISABLE_ALL") return ORT_DISABLE_ALL;
  if (value == "basic" || value == "ORT_ENABLE_BASIC") return ORT_ENABLE_BASIC;
  if (value == "extended" || value == "ORT_ENABLE_EXTENDED") return ORT_ENABLE_EXTENDED;
  if (value == "all" || value == "ORT_ENABLE_ALL") return ORT_ENABLE_ALL;
  refuse(name, value, "disable, basic, extended or all");
}

ExecutionMode to_mode(const std::string& name, const std::string& value) {
  if (value == "sequential" || value == "ORT_SEQUENTIAL") return ORT_SEQUENTIAL;
  if (value == "parallel" || value == "ORT_PARALLEL") return ORT_PARALLEL;
  refuse(name, value, "sequential or parallel");
}

/// "batch:4,height:224"
void override_dimensions(const OnnxRuntime& library, OrtSessionOptions* session, const std::string& name,
                         const std::string& value) {
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    const size_t colon = entry.rfind(':');
    if (colon == std::string_view::npos || colon == 0)
      refuse(name, value, "NAME:VALUE, several with commas between them");
    const std::string dimension(entry.substr(0, colon));
    const int extent = to_number(name, std::string(entry.substr(colon + 1)), 0, INT32_MAX);
    library.check(library.api().AddFreeDimensionOverrideByName(session, dimension.c_str(), extent));
  }
}

/// Keys that compilers have been seen to spread over instructions, so that the library's file does not contain them.
constexpr std::string_view kScatteredKeys[] = {
    "session.allow_released_opsets_only",
    "session.model_external_initializers_file_folder_path",
    "ep.context_node_name_prefix",
    "ep.share_ep_contexts",
    "mlas.enable_gemm_fastmath_arm64_bfloat16",
};

/// ONNX Runtime takes any key of a config entry in silence. One that appears nowhere in its file is a mistake.
void expect_known(const OnnxRuntime& library, const std::string& key) {
  if (std::ranges::find(kScatteredKeys, key) != std::end(kScatteredKeys)) return;
  const Mapped file(library.file().string());
  if (memmem(file.bytes().data(), file.bytes().size(), key.data(), key.size())) return;
  fail(FOVEA_INVALID_ARGUMENT, "ONNX Runtime " + library.version() + " knows no config entry \"" + key + "\"",
       "see onnxruntime_session_options_config_keys.h of that version for those that it has");
}

void add_config_entry(const OnnxRuntime& library, OrtSessionOptions* session, const std::string& key,
                      const std::string& value, Facts& facts) {
  expect_known(library, key);
  library.check(library.api().AddSessionConfigEntry(session, key.c_str(), value.c_str()));
  size_t size = 0;
  library.check(library.api().GetSessionConfigEntry(session, key.c_str(), nullptr, &size));
  std::string read(size, '\0');
  library.check(library.api().GetSessionConfigEntry(session, key.c_str(), read.data(), &size));
  facts.emplace_back(key, read.c_str());
}

}  // namespace

NamesAndValues::NamesAndValues(const Options& options) {
  for (const auto& [name, value] : options) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
}

Owned<OrtSessionOptions> make_session_options(const OnnxRuntime& library, int threads, Options& options, LogScope& log,
                                              Facts& facts) {
  const OrtApi& api = library.api();
  auto session = library.make<OrtSessionOptions>(api.ReleaseSessionOptions, api.CreateSessionOptions);
  // What an option does with its value; `otherwise` where it was not given and has no default of ONNX Runtime's.
  const auto apply = [&](const char* name, const std::string& otherwise, const auto& set) {
    const std::string value = take(options, name, otherwise);
    if (value.empty()) return;
    set(name, value);
    facts.emplace_back(name, value);
  };
  const auto number = [&](auto setter, int least) {
    return [&library, &session, setter, least](const char* name, const std::string& value) {
      library.check(setter(session.get(), to_number(name, value, least, 4096)));
    };
  };
  const auto either = [&](auto on, auto off) {
    return [&library, &session, on, off](const char* name, const std::string& value) {
      library.check(to_bool(name, value) ? on(session.get()) : off(session.get()));
    };
  };
  apply("graph_optimization_level", "all", [&](const char* name, const std::string& value) {
    library.check(api.SetSessionGraphOptimizationLevel(session.get(), to_level(name, value)));
  });
  apply("execution_mode", "sequential", [&](const char* name, const std::string& value) {
    library.check(api.SetSessionExecutionMode(session.get(), to_mode(name, value)));
  });
  apply("intra_op_num_threads", std::to_string(threads), number(api.SetIntraOpNumThreads, 0));
  apply("inter_op_num_threads", "1", number(api.SetInterOpNumThreads, 0));
  apply("enable_mem_pattern", "", either(api.EnableMemPattern, api.DisableMemPattern));
  apply("enable_cpu_mem_arena", "", either(api.EnableCpuMemArena, api.DisableCpuMemArena));
  apply("use_deterministic_compute", "", [&](const char* name, const std::string& value) {
    library.check(api.SetDeterministicCompute(session.get(), to_bool(name, value)));
  });
  apply("free_dimension_override", "",
        [&](const char* name, const std::string& value) { override_dimensions(library, session.get(), name, value); });
  apply("optimized_model_filepath", "", [&](const char*, const std::string& value) {
    library.check(api.SetOptimizedModelFilePath(session.get(), value.c_str()));
  });
  apply("profile_file_prefix", "", [&](const char*, const std::string& value) {
    library.check(api.EnableProfiling(session.get(), value.c_str()));
  });
  apply("log_severity_level", "", [&](const char* name, const std::string& value) {
    const int level = to_number(name, value, 0, 4);
    library.check(api.SetSessionLogSeverityLevel(session.get(), level));
    log.set_level(static_cast<OrtLoggingLevel>(level));
  });
  for (auto entry = options.begin(); entry != options.end();) {
    if (entry->first.find('.') == std::string::npos) {
      ++entry;
      continue;
    }
    add_config_entry(library, session.get(), entry->first, entry->second, facts);
    entry = options.erase(entry);
  }
  return session;
}

}  // namespace fovea::plugin
