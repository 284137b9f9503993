#include "backends/native/engine_key.h"

#include <charconv>
#include <cstdlib>

#include <fmt/ranges.h>

#include "base/cpu_features.h"
#include "base/cpu_model.h"
#include "base/error.h"
#include "fovea/version.h"
#include "passes/pipeline.h"

namespace fovea::backends {
namespace {

std::string features_text() {
  const CpuFeatures& f = cpu_features();
  std::vector<std::string_view> names;
  if (f.avx512_vnni) names.push_back("avx512_vnni");
  if (f.avx512_bf16) names.push_back("avx512_bf16");
  if (f.avx_vnni) names.push_back("avx_vnni");
  if (f.amx_bf16) names.push_back("amx_bf16");
  if (f.amx_int8) names.push_back("amx_int8");
  if (f.arm_dotprod) names.push_back("dotprod");
  if (f.arm_i8mm) names.push_back("i8mm");
  if (f.arm_bf16) names.push_back("bf16");
  return fmt::format("{}", fmt::join(names, " "));
}

std::string passes_text() {
  std::vector<std::string_view> names;
  for (const passes::Stage stage : {passes::Stage::once, passes::Stage::shapes_known})
    for (const passes::Pass& pass : passes::pipeline(stage)) names.push_back(pass.name);
  std::string text = fmt::format("{}", fmt::join(names, " "));
  if (const char* skipped = std::getenv("FOVEA_SKIP_PASSES"); skipped && *skipped)
    text += fmt::format(" without {}", skipped);
  return text;
}

std::string options_text(const CompileOptions& options) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : options.options)
    if (name != "tune" && name != "timing_cache") settings.push_back(name + "=" + value);
  return fmt::format("{}", fmt::join(settings, "\n"));
}

std::string shortened(std::string_view value) {
  constexpr size_t kLongest = 60;
  return value.size() <= kLongest ? std::string(value) : std::string(value.substr(0, kLongest)) + "...";
}

}  // namespace

std::string_view code_fingerprint() {
  return
#include "code_fingerprint.inc"
      ;
}

cpu::EngineKey machine_key() {
  const CacheSizes& caches = cache_sizes();
  return {{"fovea", std::string(version())}, {"code", std::string(code_fingerprint())},
          {"passes", passes_text()},         {"isa", std::string(name_of(active_isa()))},
          {"cpu", features_text()},          {"caches", fmt::format("{} {} {}", caches.l1d, caches.l2, caches.l3)}};
}

std::string timing_machine() {
  const CacheSizes& caches = cache_sizes();
  return fmt::format("fovea {}; {}; {} {}; caches {} {} {}", version(), cpu_model(), name_of(active_isa()),
                     features_text(), caches.l1d, caches.l2, caches.l3);
}

cpu::EngineKey engine_key(const CompileOptions& options, int threads) {
  cpu::EngineKey key = machine_key();
  key.push_back({"threads", fmt::format("{}", threads)});
  key.push_back({"precision", std::string(name_of(options.precision))});
  key.push_back({"options", options_text(options)});
  const auto tune = options.options.find("tune");
  key.push_back({"tuned", tune != options.options.end() && tune->second == "true" ? "true" : "false"});
  return key;
}

Result<CompileOptions> options_of(const cpu::EngineKey& key, const CompileOptions& options) {
  const auto refuse = [](std::string_view what, std::string_view has, std::string_view wanted) {
    return invalid_argument("the engine file was compiled for {} {}, not {}", what, has, wanted)
        .with_fix("compile the model again with that setting, or leave the flag out");
  };
  CompileOptions result = options;
  const std::string_view threads = cpu::field(key, "threads");
  int count = 0;
  const auto [end, error] = std::from_chars(threads.data(), threads.data() + threads.size(), count);
  if (error != std::errc() || end != threads.data() + threads.size() || count < 1 || count > 1024)
    return invalid_model("the engine file's key says no number of threads");
  if (options.threads > 0 && options.threads != count)
    return refuse("threads", threads, fmt::format("{}", options.threads));
  result.threads = count;

  const std::string_view precision = cpu::field(key, "precision");
  for (const Precision p : {Precision::fp32, Precision::bf16, Precision::fp16, Precision::int8})
    if (name_of(p) == precision) result.precision = p;
  if (name_of(result.precision) != precision)
    return invalid_model("the engine file's key has a precision \"{}\"", precision);
  if (options.precision != Precision::fp32 && options.precision != result.precision)
    return refuse("precision", precision, name_of(options.precision));

  result.options.clear();
  for (std::string_view rest = cpu::field(key, "options"); !rest.empty();) {
    const size_t line_end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, line_end);
    const size_t equals = std::min(line.find('='), line.size());
    result.options[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
    rest.remove_prefix(std::min(line_end + 1, rest.size()));
  }
  if (cpu::field(key, "tuned") == "true") result.options["tune"] = "true";
  for (const auto& [name, value] : options.options)
    if (name == "timing_cache" || (name == "tune" && value == "false" && !result.options.contains(name)))
      continue;  // nothing is measured: the file says what was chosen
    else if (const auto it = result.options.find(name); it == result.options.end() || it->second != value)
      return refuse("-O", it == result.options.end() ? "nothing of " + name : name + "=" + it->second,
                    name + "=" + value);
  return result;
}

std::string describe_differences(const cpu::EngineKey& file, const cpu::EngineKey& wanted) {
  std::vector<std::string> texts;
  for (const std::string& name : cpu::differences(file, wanted))
    texts.push_back(
        fmt::format("{} ({}, here {})", name, shortened(cpu::field(file, name)), shortened(cpu::field(wanted, name))));
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace fovea::backends
