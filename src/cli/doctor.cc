// fovea doctor: the machine, and the backends that can run on it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backends/registry.h"
#include "base/cpu_features.h"
#include "base/system.h"
#include "bench/machine.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/gpus.h"
#include "cli/library_versions.h"
#include "cli/output.h"
#include "fovea/version.h"

namespace fovea::cli {
namespace {

std::vector<std::string> features() {
  const CpuFeatures& f = cpu_features();
  std::vector<std::string> names;
  if (f.avx_vnni) names.emplace_back("avx_vnni");
  if (f.avx512_vnni) names.emplace_back("avx512_vnni");
  if (f.avx512_bf16) names.emplace_back("avx512_bf16");
  if (f.amx_bf16) names.emplace_back("amx_bf16");
  if (f.amx_int8) names.emplace_back("amx_int8");
  if (f.arm_dotprod) names.emplace_back("dotprod");
  if (f.arm_i8mm) names.emplace_back("i8mm");
  if (f.arm_bf16) names.emplace_back("bf16");
  return names;
}

std::string isa_reason() {
  const char* wanted = std::getenv("FOVEA_ISA");
  if (active_isa() == detected_isa()) return "the best that this CPU has";
  return fmt::format("FOVEA_ISA={} asks for it; this CPU has {}", wanted ? wanted : "", name_of(detected_isa()));
}

/// With one thread and with all, measured before a backend starts threads of its own.
std::vector<bench::Peak> measured_peaks() {
  std::vector<bench::Peak> peaks = bench::measure_peaks(1);
  if (granted_cores() == 1) return peaks;
  const std::vector<bench::Peak> together = bench::measure_peaks(granted_cores());
  peaks.insert(peaks.end(), together.begin(), together.end());
  return peaks;
}

// ---- backends

struct DeviceFound {
  std::string device;
  std::optional<backends::Library> library;  // absent: it cannot run here
  std::string reason, fix;
};

struct BackendFound {
  backends::Status status;
  std::vector<DeviceFound> devices;  // the default one first; none where the plugin is not there
  bool available() const { return !devices.empty() && devices.front().library.has_value(); }
};

BackendFound look_at(backends::Status status) {
  BackendFound found{std::move(status), {}};
  if (!found.status.backend) return found;
  for (std::string_view device : found.status.backend->devices()) {
    DeviceFound one{std::string(device), {}, {}, {}};
    auto library = found.status.backend->probe(device, CompileOptions());
    if (library.ok()) {
      one.library = *std::move(library);
    } else {
      const Error& error = library.error();
      const bool place_is_known = error.where.empty() || error.where == "backend " + found.status.name;
      one.reason = place_is_known ? error.message : error.where + ": " + error.message;
      one.fix = error.fix;
    }
    found.devices.push_back(std::move(one));
  }
  return found;
}

std::vector<BackendFound> look_at_backends() {
  std::vector<BackendFound> found;
  for (backends::Status& status : backends::all()) found.push_back(look_at(std::move(status)));
  return found;
}

/// "ONNX Runtime 1.31.1".
std::string library_name(const BackendFound& found, const backends::Library& library) {
  const std::string title(found.status.backend->title());
  return library.version.empty() ? title : title + " " + library.version;
}

// ---- text

class TextWriter {
 public:
  explicit TextWriter(Console& console) : console_(console) {}

  void line(std::string_view title, const std::string& text) {
    console_.out << fmt::format("{:<14}{}\n", title, printable(text)) << std::flush;
  }

  void machine() {
    const bench::Machine machine = bench::describe_machine();
    const CacheSizes& caches = cache_sizes();
    const auto extensions = features();
    line("fovea", std::string(version()));
    line("system", machine.system);
    line("CPU", machine.cpu);
    line("ISA", fmt::format("{}: {}", name_of(active_isa()), isa_reason()));
    line("extensions", extensions.empty() ? "none of avx_vnni, avx512_vnni, avx512_bf16, amx, dotprod, i8mm, bf16"
                                          : fmt::format("{}", fmt::join(extensions, ", ")));
    line("cores", fmt::format("{} granted to this process (affinity and cgroup)", machine.cores));
    line("caches", fmt::format("L1d {} KiB, L2 {} KiB, L3 {} KiB", caches.l1d >> 10, caches.l2 >> 10, caches.l3 >> 10));
    line("memory", fmt::format("{} granted", bytes_text(memory_limit())));
    gpus();
  }

  void gpus() {
    const Gpus gpus = nvidia_gpus();
    if (gpus.names.empty()) return line("GPU", "no NVIDIA GPU found");
    const std::string driver = gpus.driver.empty() ? "driver unknown" : "driver " + gpus.driver;
    for (const std::string& name : gpus.names) line("GPU", fmt::format("{}, {}", name, driver));
  }

  void peaks() {
    for (const bench::Peak& peak : measured_peaks())
      line("peak", fmt::format("{} with {} thread{}: {:.1f} GMAC/s", peak.precision, peak.threads,
                               peak.threads == 1 ? "" : "s", peak.gmac_per_s));
  }

  void libraries() {
    std::vector<std::string> libraries;
    for (const auto& [name, library] : library_versions()) libraries.push_back(name + " " + library);
    line("libraries", fmt::format("{}", fmt::join(libraries, ", ")));
  }

  void backend(const BackendFound& found) {
    if (!found.status.backend)
      return line("backend", entry(found.status.name, false, found.status.reason + "; " + found.status.fix));
    for (const DeviceFound& device : found.devices) {
      const bool first = &device == &found.devices.front();
      const std::string name = first ? found.status.name : found.status.name + ":" + device.device;
      line("backend", entry(name, device.library.has_value(), state(found, device)));
    }
    if (!console_.verbose) return;
    for (const backends::Option& option : found.status.backend->options())
      line("", fmt::format("  -O {}: {}", option.name, option.meaning));
  }

 private:
  static std::string entry(const std::string& name, bool yes, const std::string& text) {
    return fmt::format("{:<21} {:<4} {}", name, yes ? "yes" : "no", text);
  }
  static std::string state(const BackendFound& found, const DeviceFound& device) {
    if (!device.library) return device.fix.empty() ? device.reason : device.reason + "; " + device.fix;
    const std::string where = device.library->location.empty() ? "built in" : device.library->location.string();
    return fmt::format("{}, {}", library_name(found, *device.library), where);
  }

  Console& console_;
};

void write_text(Console& console) {
  TextWriter text(console);
  text.machine();
  text.peaks();
  text.libraries();
  for (const BackendFound& found : look_at_backends()) text.backend(found);
}

// ---- JSON

Json peaks_array() {
  Json peaks = Json::array();
  for (const bench::Peak& peak : measured_peaks())
    peaks.push_back(
        {{"precision", peak.precision}, {"threads", peak.threads}, {"gmac_per_s", significant(peak.gmac_per_s, 4)}});
  return peaks;
}

Json device_object(const DeviceFound& device) {
  if (!device.library) return {{"available", false}, {"reason", device.reason}, {"fix", device.fix}};
  return {{"available", true}, {"version", device.library->version}, {"location", device.library->location.string()}};
}

Json backend_object(const BackendFound& found) {
  Json object = {{"name", found.status.name}, {"title", found.status.title}, {"available", found.available()}};
  if (!found.status.backend) {
    object["reason"] = found.status.reason;
    object["fix"] = found.status.fix;
    return object;
  }
  const backends::Backend& backend = *found.status.backend;
  const DeviceFound& first = found.devices.front();
  if (first.library)
    object["library"] = library_name(found, *first.library);
  else
    object.update({{"reason", first.reason}, {"fix", first.fix}});
  object["devices"] = std::vector<std::string>(backend.devices().begin(), backend.devices().end());
  Json states = Json::object(), options = Json::object();
  for (const DeviceFound& device : found.devices) states[device.device] = device_object(device);
  for (const backends::Option& option : backend.options()) options[std::string(option.name)] = option.meaning;
  object["device_states"] = std::move(states);
  object["options"] = std::move(options);
  object["suffixes"] = std::vector<std::string>(backend.suffixes().begin(), backend.suffixes().end());
  return object;
}

void write_json(std::ostream& out) {
  const CacheSizes& caches = cache_sizes();
  const bench::Machine machine = bench::describe_machine();
  Json peaks = peaks_array();
  const Gpus gpus = nvidia_gpus();
  Json list = Json::array(), libraries = Json::object(), gpu_list = Json::array();
  for (const auto& [name, library] : library_versions()) libraries[name] = library;
  for (const std::string& name : gpus.names) gpu_list.push_back({{"name", name}, {"driver", gpus.driver}});
  for (const BackendFound& found : look_at_backends()) list.push_back(backend_object(found));
  write_json_line(out, {{"fovea", version()},
                        {"system", machine.system},
                        {"cpu", machine.cpu},
                        {"isa", name_of(active_isa())},
                        {"isa_detected", name_of(detected_isa())},
                        {"extensions", features()},
                        {"cores", machine.cores},
                        {"cache_bytes", {{"l1d", caches.l1d}, {"l2", caches.l2}, {"l3", caches.l3}}},
                        {"memory_bytes", memory_limit()},
                        {"peaks", std::move(peaks)},
                        {"gpus", std::move(gpu_list)},
                        {"libraries", std::move(libraries)},
                        {"backends", std::move(list)}});
}

}  // namespace

Command add_doctor(CLI::App& app) {
  auto format = std::make_shared<Format>(Format::text);
  CLI::App* command = app.add_subcommand("doctor", "this machine, the backends found, and how to get the others");
  add_format_flag(*command, *format, false);
  command->footer(
      "Measures the machine's peaks for a second. With -v also the options of each backend (-O).\nExample:\n"
      "  fovea doctor");
  return {command, [format](Console& console) {
            if (*format == Format::json)
              write_json(console.out);
            else
              write_text(console);
            return static_cast<int>(kDone);
          }};
}

}  // namespace fovea::cli
