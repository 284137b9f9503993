// The backend `openvino`: OpenVINO's C++ API on CPU, GPU and NPU.
#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

#include "engine.h"
#include "plugin.h"
#include "types.h"

#include <openvino/core/op_extension.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/openvino.hpp>

namespace fovea::plugin {
namespace {

constexpr const char* kDevices[] = {"cpu", "gpu", "npu", "auto", nullptr};
constexpr const char* kSuffixes[] = {".onnx", ".xml", nullptr};
constexpr fovea_option kOptions[] = {
    {"INFERENCE_NUM_THREADS", "threads of the CPU (default: --threads)"},
    {"NUM_STREAMS", "runs at the same time (default 1)"},
    {"PERFORMANCE_HINT", "LATENCY (default), THROUGHPUT or CUMULATIVE_THROUGHPUT"},
    {"INFERENCE_PRECISION_HINT", "f32, bf16 or f16 (default: --precision; int8 models: f32 for their float parts)"},
    {"CACHE_DIR", "folder of compiled models (default: openvino in the folder of --cache)"},
    {"*", "every other property of the device, under OpenVINO's own name"},
    {nullptr, nullptr}};

std::string device_name(std::string_view device) {
  std::string name(device);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

bool takes(const ov::Core& core, const std::string& device, const std::string& property) {
  const auto names = core.get_property(device, ov::supported_properties);
  return std::ranges::find(names, property) != names.end();
}

ov::element::Type precision_of(int32_t precision) {
  switch (precision) {
    case FOVEA_BF16_PRODUCTS: return ov::element::bf16;
    case FOVEA_FP16_PRODUCTS: return ov::element::f16;
    default: return ov::element::f32;
  }
}

/// OpenVINO itself computes in fp32 without a word where the device lacks the format.
void check_precision(const ov::Core& core, const std::string& device, int32_t precision) {
  const char* needed = precision == FOVEA_BF16_PRODUCTS   ? "BF16"
                       : precision == FOVEA_FP16_PRODUCTS ? "FP16"
                       : precision == FOVEA_INT8_PRODUCTS ? "INT8"
                                                          : "FP32";
  const auto capabilities = core.get_property(device, ov::device::capabilities);
  if (precision == FOVEA_FP32 || std::ranges::find(capabilities, needed) != capabilities.end()) return;
  std::string has;
  for (const std::string& c : capabilities) has += (has.empty() ? "" : ", ") + c;
  fail(FOVEA_UNAVAILABLE, "OpenVINO has no " + std::string(name_of_precision(precision)) + " on this " + device,
       "it has " + has);
}

std::shared_ptr<ov::Model> read(ov::Core& core, const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) fail(FOVEA_NOT_FOUND, path + " is not a file", "check the path");
  try {
    return core.read_model(path);
  } catch (const std::exception& e) {
    fail(FOVEA_INVALID_MODEL, "OpenVINO cannot read the model: " + message_of(e),
         "fovea inspect says whether the file is sound; another backend may have the operator");
  }
}

void check_quantized(const ov::Model& model) {
  for (const auto& op : model.get_ops())
    if (ov::is_type<ov::op::v0::FakeQuantize>(op)) return;
  fail(FOVEA_INVALID_ARGUMENT, "the model is not quantized, so OpenVINO has no int8 products to do",
       "give a model with QuantizeLinear and DequantizeLinear nodes");
}

/// The user's own properties, one at a time, so that an error names the right one.
void set_options(ov::Core& core, const std::string& device, const Options& options) {
  for (const auto& [name, value] : options) try {
      if (name == ov::cache_dir.name() || name == ov::enable_mmap.name())
        core.set_property({{name, value}});  // the core's own
      else
        core.set_property(device, {{name, value}});
    } catch (const std::exception& e) {
      std::string names;
      for (const auto& p : core.get_property(device, ov::supported_properties))
        if (p.is_mutable()) names += (names.empty() ? "" : ", ") + p;
      fail(FOVEA_INVALID_ARGUMENT, "OpenVINO refuses " + name + "=" + value + ": " + message_of(e),
           device + " takes " + names);
    }
}

class OpenVino final : public Runtime {
 public:
  Library probe(std::string_view device, const Options&, const Log& log) override {
    const std::string name = device_name(device);
    ov::Core core;
    check_device(core, name);
    log.note(name + ": " + core.get_property(name, ov::device::full_name));
    return library();
  }

  std::unique_ptr<Engine> compile(const Request& request, const Log& log) override {
    // One core for each engine: what set_property() sets stays with it.
    auto core = std::make_shared<ov::Core>();
    Settings settings{device_name(request.device), {}, precision_of(request.precision), {ov::execution_devices.name()}};
    const std::string& device = settings.device;
    check_device(*core, device);
    check_precision(*core, device, request.precision);
    const auto set = [&](const std::string& name, const ov::Any& value) {
      settings.told.push_back(name);
      if (request.options.contains(name)) return;
      if (takes(*core, device, name)) settings.properties[name] = value;
      if (device == "AUTO")  // which hands its own properties on, but has not all
        for (const std::string& behind : core->get_available_devices())
          if (takes(*core, behind, name)) core->set_property(behind, {{name, value}});
    };
    set(ov::hint::inference_precision.name(), settings.precision);
    set(ov::hint::performance_mode.name(), ov::hint::PerformanceMode::LATENCY);
    set(ov::num_streams.name(), 1);
    set(ov::inference_num_threads.name(), request.threads);
    if (!request.cache.empty() && !request.options.contains(ov::cache_dir.name())) {
      const std::filesystem::path folder = std::filesystem::path(request.cache) / "openvino";
      std::error_code failed;
      std::filesystem::create_directories(folder, failed);
      if (failed)
        fail(FOVEA_IO, folder.string() + " cannot be made: " + failed.message(), "give --cache a folder to write to");
      core->set_property(ov::cache_dir(folder.string()));
    }
    set_options(*core, device, request.options);
    for (const auto& [name, value] : request.options)
      if (std::ranges::find(settings.told, name) == settings.told.end()) settings.told.push_back(name);
    if (const auto own = request.options.find(ov::hint::inference_precision.name()); own != request.options.end())
      settings.precision = ov::element::Type(own->second);
    auto model = read(*core, request.model);
    if (request.precision == FOVEA_INT8_PRODUCTS) check_quantized(*model);
    for (const auto& [name, value] : settings.properties) log.note(name + "=" + value.as<std::string>());
    return std::make_unique<OpenVinoEngine>(std::move(core), std::move(model), std::move(settings), request);
  }

 private:
  static Library library() {
    Dl_info info{};
    const bool found = dladdr(reinterpret_cast<const void*>(&ov::get_openvino_version), &info) != 0;
    const std::string build = ov::get_openvino_version().buildNumber;  // "2026.4.1-21432-..."
    return {build.substr(0, build.find('-')), found && info.dli_fname ? info.dli_fname : ""};
  }

  static void check_device(const ov::Core& core, const std::string& name) {
    std::string has;
    for (const std::string& device : core.get_available_devices()) {
      if (device == name || device.starts_with(name + ".")) return;
      has += (has.empty() ? "" : ", ") + device;
    }
    if (name == "AUTO" && !has.empty()) return;
    fail(FOVEA_UNAVAILABLE, "OpenVINO finds no " + name + " here" + (has.empty() ? "" : ": it has " + has),
         "install the device's driver, or use openvino:cpu");
  }
};

}  // namespace

Runtime& runtime() {
  static OpenVino runtime;
  return runtime;
}

fovea_backend texts() {
  fovea_backend texts{};
  texts.name = "openvino";
  texts.title = "OpenVINO";
  texts.devices = kDevices;
  texts.suffixes = kSuffixes;
  texts.options = kOptions;
  return texts;
}

}  // namespace fovea::plugin
