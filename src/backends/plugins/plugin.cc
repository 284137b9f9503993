#include "plugin.h"

#include <cstring>
#include <exception>
#include <new>
#include <utility>

namespace fovea::plugin {
namespace {

/// The host refused a place for an output; it knows the reason.
struct Refused {};

/// What a fovea_engine is.
struct Handle {
  std::unique_ptr<Engine> engine;
  std::vector<fovea_port> inputs, outputs;
};

Handle& handle_of(fovea_engine* engine) { return *reinterpret_cast<Handle*>(engine); }
const Handle& handle_of(const fovea_engine* engine) { return *reinterpret_cast<const Handle*>(engine); }

int32_t describe_failure(const fovea_report* report, int32_t code, const std::string& message, const std::string& fix) {
  report->error(report->host, message.c_str(), fix.empty() ? nullptr : fix.c_str());
  return code;
}

/// Calls f; what it throws becomes a code and a report.
template <class F>
int32_t guarded(const fovea_report* report, F f) {
  try {
    f();
    return FOVEA_OK;
  } catch (const Failure& failure) {
    return describe_failure(report, failure.code, failure.message, failure.fix);
  } catch (const Refused&) {
    return FOVEA_INVALID_ARGUMENT;
  } catch (const std::bad_alloc&) {
    return describe_failure(report, FOVEA_OUT_OF_MEMORY, "out of memory", {});
  } catch (const std::exception& e) {
    return describe_failure(report, FOVEA_INTERNAL, e.what(), {});
  } catch (...) {
    return describe_failure(report, FOVEA_INTERNAL, "an exception of unknown type", {});
  }
}

std::vector<Port> to_ports(const fovea_port* ports, size_t count) {
  std::vector<Port> result;
  for (size_t i = 0; i < count; ++i) {
    const fovea_port& p = ports[i];
    Port port{p.name, p.dtype, p.rank >= 0};
    if (p.rank > 0) port.shape.assign(p.shape, p.shape + p.rank);
    result.push_back(std::move(port));
  }
  return result;
}

std::vector<fovea_port> from_ports(const std::vector<Port>& ports) {
  std::vector<fovea_port> result;
  for (const Port& p : ports)
    result.push_back(
        {p.name.c_str(), p.dtype, p.has_shape ? static_cast<int32_t>(p.shape.size()) : -1, p.shape.data()});
  return result;
}

Options to_options(const fovea_setting* settings, size_t count) {
  Options options;
  for (size_t i = 0; i < count; ++i) options.emplace(settings[i].name, settings[i].value);
  return options;
}

template <size_t N>
void copy_text(char (&to)[N], const std::string& text) {
  const size_t length = text.size() < N ? text.size() : N - 1;
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

int32_t probe(const char* device, const fovea_setting* options, size_t count, fovea_library* library,
              const fovea_report* report) {
  return guarded(report, [&] {
    const Library found = runtime().probe(device, to_options(options, count), Log(report));
    copy_text(library->version, found.version);
    copy_text(library->location, found.location);
  });
}

int32_t compile(const fovea_compile_request* r, fovea_engine** engine, const fovea_report* report) {
  return guarded(report, [&] {
    const Request request{r->model,
                          r->device,
                          r->precision,
                          r->threads,
                          r->cache ? r->cache : "",
                          to_options(r->options, r->option_count),
                          to_ports(r->inputs, r->input_count)};
    auto handle = std::make_unique<Handle>();
    handle->engine = runtime().compile(request, Log(report));
    handle->inputs = from_ports(handle->engine->inputs);
    handle->outputs = from_ports(handle->engine->outputs);
    *engine = reinterpret_cast<fovea_engine*>(handle.release());
  });
}

void destroy(fovea_engine* engine) {
  try {
    delete &handle_of(engine);
  } catch (...) {  // a runtime that fails while it shuts down: nobody can do anything about it
  }
}

size_t inputs(const fovea_engine* engine, const fovea_port** ports) {
  *ports = handle_of(engine).inputs.data();
  return handle_of(engine).inputs.size();
}

size_t outputs(const fovea_engine* engine, const fovea_port** ports) {
  *ports = handle_of(engine).outputs.data();
  return handle_of(engine).outputs.size();
}

void describe(const fovea_engine* engine, void* host, void (*line)(void*, const char*, const char*)) {
  for (const auto& [name, value] : handle_of(engine).engine->facts) line(host, name.c_str(), value.c_str());
}

int32_t prepare(fovea_engine* engine, const fovea_port* ports, size_t count, const fovea_report* report) {
  return guarded(report, [&] { handle_of(engine).engine->prepare(to_ports(ports, count)); });
}

int32_t run(fovea_engine* engine, const fovea_tensor* tensors, size_t count, const fovea_outputs* places,
            const fovea_report* report) {
  return guarded(report, [&] {
    Outputs outputs(places);
    handle_of(engine).engine->run({tensors, count}, outputs);
  });
}

}  // namespace

void fail(int32_t code, std::string message, std::string fix) {
  throw Failure{code, std::move(message), std::move(fix)};
}

void* Outputs::place(size_t i, int32_t dtype, std::span<const int64_t> shape) {
  void* memory = outputs_->place(outputs_->host, i, dtype, static_cast<int32_t>(shape.size()), shape.data());
  if (!memory) throw Refused{};
  return memory;
}

size_t size_of(int32_t dtype) {
  switch (dtype) {
    case FOVEA_I8:
    case FOVEA_U8:
    case FOVEA_BOOL: return 1;
    case FOVEA_F16:
    case FOVEA_BF16:
    case FOVEA_I16:
    case FOVEA_U16: return 2;
    case FOVEA_F32:
    case FOVEA_I32:
    case FOVEA_U32: return 4;
    default: return 8;
  }
}

int64_t element_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

std::string_view name_of_precision(int32_t precision) {
  constexpr std::string_view kNames[] = {"fp32", "bf16", "fp16", "int8"};
  return precision >= 0 && precision < 4 ? kNames[precision] : "?";
}

std::string take(Options& options, const std::string& name, std::string otherwise) {
  auto node = options.extract(name);
  return node.empty() ? std::move(otherwise) : std::move(node.mapped());
}

void expect_none_left(const Options& options, std::string_view backend, const fovea_option* known) {
  if (options.empty()) return;
  std::string names;
  for (; known->name; ++known) names += (names.empty() ? "" : ", ") + std::string(known->name);
  fail(FOVEA_INVALID_ARGUMENT, "backend " + std::string(backend) + " has no option \"" + options.begin()->first + "\"",
       names.empty() ? "it takes none" : "it has " + names);
}

}  // namespace fovea::plugin

extern "C" __attribute__((visibility("default"))) const fovea_backend* fovea_backend_table(uint32_t abi) {
  using namespace fovea::plugin;
  static const fovea_backend table = [] {
    fovea_backend t = texts();
    t.abi = FOVEA_BACKEND_ABI;
    t.probe = probe;
    t.compile = compile;
    t.destroy = destroy;
    t.inputs = inputs;
    t.outputs = outputs;
    t.describe = describe;
    t.prepare = prepare;
    t.run = run;
    return t;
  }();
  return abi == FOVEA_BACKEND_ABI ? &table : nullptr;
}
