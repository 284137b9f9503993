// fovea doctor: the machine, and the backends that can run on it.
#include <sys/utsname.h>

#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backends/registry.h"
#include "base/cpu_features.h"
#include "base/system.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/library_versions.h"
#include "cli/output.h"
#include "fovea/version.h"

namespace fovea::cli {
namespace {

/// The CPU's name as Linux knows it.
std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  utsname system{};
  return uname(&system) == 0 ? system.machine : "unknown";
}

std::vector<std::string> features() {
  const CpuFeatures& f = cpu_features();
  std::vector<std::string> names;
  if (f.avx_vnni) names.emplace_back("avx_vnni");
  if (f.avx512_vnni) names.emplace_back("avx512_vnni");
  if (f.avx512_bf16) names.emplace_back("avx512_bf16");
  if (f.amx) names.emplace_back("amx");
  return names;
}

std::string isa_reason() {
  const char* wanted = std::getenv("FOVEA_ISA");
  if (active_isa() == detected_isa()) return "the best that this CPU has";
  return fmt::format("FOVEA_ISA={} asks for it; this CPU has {}", wanted ? wanted : "", name_of(detected_isa()));
}

void write_text(std::ostream& out, bool verbose) {
  const auto line = [&](std::string_view title, const std::string& text) {
    out << fmt::format("{:<14}{}\n", title, printable(text));
  };
  const CacheSizes& caches = cache_sizes();
  const auto extensions = features();
  line("fovea", std::string(version()));
  line("CPU", cpu_name());
  line("ISA", fmt::format("{}: {}", name_of(active_isa()), isa_reason()));
  line("extensions", extensions.empty() ? "none of avx_vnni, avx512_vnni, avx512_bf16, amx"
                                        : fmt::format("{}", fmt::join(extensions, ", ")));
  line("cores", fmt::format("{} granted to this process (affinity and cgroup)", granted_cores()));
  line("caches", fmt::format("L1d {} KiB, L2 {} KiB, L3 {} KiB", caches.l1d >> 10, caches.l2 >> 10, caches.l3 >> 10));
  line("memory", fmt::format("{} granted", bytes_text(memory_limit())));
  std::vector<std::string> libraries;
  for (const auto& [name, library] : library_versions()) libraries.push_back(name + " " + library);
  line("libraries", fmt::format("{}", fmt::join(libraries, ", ")));
  for (const backends::Status& status : backends::all()) {
    if (!status.backend) {
      line("backend", fmt::format("{:<12} no: {}; {}", status.name, status.reason, status.fix));
      continue;
    }
    line("backend", fmt::format("{:<12} yes: {}, devices: {}", status.name, status.backend->library(),
                                fmt::join(status.backend->devices(), ", ")));
    if (verbose)
      for (const backends::Option& option : status.backend->options())
        line("", fmt::format("             -O {}: {}", option.name, option.meaning));
  }
}

void write_json(std::ostream& out) {
  const CacheSizes& caches = cache_sizes();
  Json list = Json::array(), libraries = Json::object();
  for (const auto& [name, library] : library_versions()) libraries[name] = library;
  for (const backends::Status& status : backends::all()) {
    Json one = {{"name", status.name}, {"available", status.backend != nullptr}};
    if (status.backend) {
      one["library"] = status.backend->library();
      one["devices"] = std::vector<std::string>(status.backend->devices().begin(), status.backend->devices().end());
      Json options = Json::object();
      for (const backends::Option& option : status.backend->options())
        options[std::string(option.name)] = option.meaning;
      one["options"] = std::move(options);
    } else {
      one["reason"] = status.reason;
      one["fix"] = status.fix;
    }
    list.push_back(std::move(one));
  }
  write_json_line(out, {{"fovea", version()},
                        {"cpu", cpu_name()},
                        {"isa", name_of(active_isa())},
                        {"isa_detected", name_of(detected_isa())},
                        {"extensions", features()},
                        {"cores", granted_cores()},
                        {"cache_bytes", {{"l1d", caches.l1d}, {"l2", caches.l2}, {"l3", caches.l3}}},
                        {"memory_bytes", memory_limit()},
                        {"libraries", std::move(libraries)},
                        {"backends", std::move(list)}});
}

}  // namespace

Command add_doctor(CLI::App& app) {
  auto format = std::make_shared<Format>(Format::text);
  CLI::App* command = app.add_subcommand("doctor", "this machine, the backends found, and how to get the others");
  add_format_flag(*command, *format, false);
  command->footer("With -v also the options of each backend (-O).\nExample:\n  fovea doctor");
  return {command, [format](Console& console) {
            if (*format == Format::json)
              write_json(console.out);
            else
              write_text(console.out, console.verbose);
            return static_cast<int>(kDone);
          }};
}

}  // namespace fovea::cli
