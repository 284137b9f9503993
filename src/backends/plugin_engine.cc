#include "backends/plugin_engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "backends/registry.h"
#include "base/error.h"
#include "base/log.h"
#include "base/system.h"

namespace fovea::backends {
namespace {

constexpr int32_t kMaxRank = 64;

ErrorCode to_error_code(int32_t code) {
  switch (code) {
    case FOVEA_INVALID_ARGUMENT: return ErrorCode::invalid_argument;
    case FOVEA_INVALID_MODEL: return ErrorCode::invalid_model;
    case FOVEA_UNSUPPORTED: return ErrorCode::unsupported;
    case FOVEA_NOT_FOUND: return ErrorCode::not_found;
    case FOVEA_IO: return ErrorCode::io;
    case FOVEA_OUT_OF_MEMORY: return ErrorCode::out_of_memory;
    case FOVEA_UNAVAILABLE: return ErrorCode::unavailable;
    default: return ErrorCode::internal;
  }
}

// The border's numbers are the enumerations' own.
static_assert(static_cast<int>(DType::f32) == FOVEA_F32 && static_cast<int>(DType::bf16) == FOVEA_BF16 &&
              static_cast<int>(DType::u8) == FOVEA_U8 && static_cast<int>(DType::i32) == FOVEA_I32 &&
              static_cast<int>(DType::i64) == FOVEA_I64 && static_cast<int>(DType::boolean) == FOVEA_BOOL);
static_assert(static_cast<int>(Precision::fp32) == FOVEA_FP32 &&
              static_cast<int>(Precision::int8) == FOVEA_INT8_PRODUCTS);

std::optional<DType> to_dtype(int32_t dtype) {
  if (dtype < 0 || dtype > FOVEA_BOOL) return std::nullopt;
  return static_cast<DType>(dtype);
}

/// Error: internal, for a rank or an extent that no tensor has.
Result<TensorType> to_type(int32_t dtype, int32_t rank, const int64_t* shape) {
  const auto known = to_dtype(dtype);
  if (!known || rank < 0 || rank > kMaxRank || (rank > 0 && !shape))
    return internal("the plugin made an output of dtype {} and rank {}", dtype, rank);
  TensorType type{*known, Shape(shape, shape + rank)};
  FOVEA_TRY(checked_bytes(type.dtype, type.shape));
  return type;
}

std::vector<Port> to_ports(const fovea_port* ports, size_t count) {
  std::vector<Port> result;
  for (size_t i = 0; i < count; ++i) {
    const fovea_port& from = ports[i];
    Port port{from.name ? from.name : "", {}};
    port.type.dtype = to_dtype(from.dtype);
    if (from.rank >= 0 && from.rank <= kMaxRank) {
      port.type.shape.emplace();
      for (int32_t d = 0; d < from.rank; ++d) port.type.shape->push_back(Dim{std::max<int64_t>(from.shape[d], -1), ""});
    }
    result.push_back(std::move(port));
  }
  return result;
}

/// Takes the outputs of one run: into memory of its own, or into the caller's.
class Sink {
 public:
  explicit Sink(size_t count) : tensors_(count), placed_(count, false) {}
  explicit Sink(std::span<const MutableView> bound) : bound_(bound), placed_(bound.size(), false) {}

  fovea_outputs c_outputs() {
    return {this, [](void* host, size_t i, int32_t dtype, int32_t rank, const int64_t* shape) {
              return static_cast<Sink*>(host)->place(i, dtype, rank, shape);
            }};
  }

  /// Error: why a place was refused; internal where the plugin asked for none.
  Result<std::vector<Tensor>> take(std::span<const Port> ports) {
    if (refusal_) return *std::move(refusal_);
    for (size_t i = 0; i < placed_.size(); ++i)
      if (!placed_[i]) return internal("the plugin did not deliver it").at("output \"" + ports[i].name + "\"");
    return std::move(tensors_);
  }
  std::optional<Error>& refusal() { return refusal_; }

 private:
  void* place(size_t i, int32_t dtype, int32_t rank, const int64_t* shape) {
    auto memory = try_place(i, dtype, rank, shape);
    if (memory.ok()) return *memory;
    refusal_ = std::move(memory).error();
    return nullptr;
  }

  Result<void*> try_place(size_t i, int32_t dtype, int32_t rank, const int64_t* shape) {
    if (i >= placed_.size()) return internal("the plugin made output {} of {}", i, placed_.size());
    if (placed_[i]) return internal("the plugin asked twice for output {}", i);
    TensorType type = FOVEA_TRY(to_type(dtype, rank, shape));
    placed_[i] = true;
    if (!bound_.empty()) {
      const MutableView& view = bound_[i];
      if (view.dtype != type.dtype || !std::ranges::equal(view.shape, type.shape))
        return invalid_argument("output {} is {}, but the memory bound to it is for {}", i, to_string(type),
                                to_string(TensorType{view.dtype, Shape(view.shape.begin(), view.shape.end())}))
            .with_fix("bind memory of the type that the output has");
      return view.data;
    }
    tensors_[i] = FOVEA_TRY(Tensor::allocate(type.dtype, std::move(type.shape)));
    return tensors_[i].mutable_view().data;
  }

  std::span<const MutableView> bound_;
  std::vector<Tensor> tensors_;
  std::vector<bool> placed_;
  std::optional<Error> refusal_;
};

class PluginEngine final : public Engine {
 public:
  PluginEngine(const fovea_backend& table, fovea_engine* engine, int threads)
      : table_(table), engine_(engine), threads_(threads) {
    const fovea_port* ports = nullptr;
    size_t count = table.inputs(engine, &ports);
    inputs_ = to_ports(ports, count);
    count = table.outputs(engine, &ports);
    outputs_ = to_ports(ports, count);
  }
  ~PluginEngine() override { table_.destroy(engine_); }
  PluginEngine(const PluginEngine&) = delete;
  PluginEngine& operator=(const PluginEngine&) = delete;

  /// Puts what the user said into the inputs' types. any_name: a single shape is a single input's, whatever its name.
  /// Error: invalid_argument for a name that is no input, and for extents that contradict the model's own.
  Result<void> fix_shapes(const std::map<std::string, Shape>& shapes, bool any_name) {
    for (const auto& [name, shape] : shapes) {
      auto port = std::ranges::find(inputs_, name, &Port::name);
      if (any_name && inputs_.size() == 1 && shapes.size() == 1) port = inputs_.begin();
      if (port == inputs_.end())
        return invalid_argument("a shape is given for \"{}\", which is no input", name).with_fix("see fovea inspect");
      const TensorType type{port->type.dtype.value_or(DType::f32), shape};
      if (!accepts(port->type, type))
        return invalid_argument("the model takes {}, but {} was given", to_string(port->type), to_string(shape))
            .at("input \"" + name + "\"");
      port->type.shape = ValueType::of(type).shape;
    }
    return {};
  }

  std::span<const Port> inputs() const override { return inputs_; }
  std::span<const Port> outputs() const override { return outputs_; }
  int threads() const override { return threads_; }

  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, std::vector<StepTime>* steps) override {
    if (steps) steps->clear();
    Sink sink(outputs_.size());
    return run(inputs, sink);
  }

  Result<void> run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs) override {
    if (outputs.size() != outputs_.size())
      return invalid_argument("memory for {} outputs given, but the model has {}", outputs.size(), outputs_.size());
    Sink sink(outputs);
    FOVEA_TRY(run(inputs, sink));
    return {};
  }

  Result<void> prepare(std::span<const TensorType> inputs) override {
    FOVEA_TRY(check(inputs));
    std::vector<fovea_port> ports;
    for (size_t i = 0; i < inputs.size(); ++i)
      ports.push_back({inputs_[i].name.c_str(), static_cast<int32_t>(inputs[i].dtype),
                       static_cast<int32_t>(inputs[i].shape.size()), inputs[i].shape.data()});
    const std::lock_guard lock(mutex_);
    PluginReport report(table_.name);
    return report.check(table_.prepare(engine_, ports.data(), ports.size(), report.c_report()));
  }

  std::vector<Fact> facts() const override {
    std::vector<Fact> facts;
    const std::lock_guard lock(mutex_);  // a run may change them
    table_.describe(engine_, &facts, [](void* host, const char* name, const char* value) {
      static_cast<std::vector<Fact>*>(host)->push_back({name, value});
    });
    return facts;
  }

 private:
  Result<void> check(std::span<const TensorType> inputs) const {
    if (inputs.size() != inputs_.size())
      return invalid_argument("{} inputs given, but the model has {}", inputs.size(), inputs_.size());
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!accepts(inputs_[i].type, inputs[i]))
        return invalid_argument("the model takes {}, but got {}", to_string(inputs_[i].type), to_string(inputs[i]))
            .at("input \"" + inputs_[i].name + "\"")
            .with_fix("feed a tensor of the model's dtype and shape");
    return {};
  }

  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, Sink& sink) {
    std::vector<TensorType> types;
    std::vector<fovea_tensor> tensors;
    for (const Tensor& t : inputs) {
      types.push_back(t.type());
      tensors.push_back({static_cast<int32_t>(t.dtype()), static_cast<int32_t>(t.rank()), t.shape().data(),
                         const_cast<void*>(t.raw())});
    }
    FOVEA_TRY(check(types));
    const fovea_outputs places = sink.c_outputs();
    PluginReport report(table_.name);
    int32_t code = FOVEA_OK;
    {
      const std::lock_guard lock(mutex_);
      code = table_.run(engine_, tensors.data(), tensors.size(), &places, report.c_report());
    }
    if (sink.refusal()) return *std::move(sink.refusal());
    FOVEA_TRY(report.check(code));
    return sink.take(outputs_);
  }

  const fovea_backend& table_;
  fovea_engine* engine_;
  int threads_;
  std::vector<Port> inputs_, outputs_;
  mutable std::mutex mutex_;  // one run at a time
};

}  // namespace

PluginReport::PluginReport(std::string_view backend) : backend_(backend) {
  report_.host = this;
  report_.error = [](void* host, const char* message, const char* fix) {
    auto& self = *static_cast<PluginReport*>(host);
    self.message_ = message ? message : "";
    self.fix_ = fix ? fix : "";
  };
  report_.note = [](void* host, const char* message) {
    log_debug("{}: {}", static_cast<PluginReport*>(host)->backend_, message ? message : "");
  };
}

Result<void> PluginReport::check(int32_t code) const {
  if (code == FOVEA_OK) return {};
  std::string message = message_.empty() ? fmt::format("failed with code {} and gave no reason", code) : message_;
  return Error{to_error_code(code), std::move(message), "backend " + backend_, fix_};
}

std::vector<fovea_setting> to_settings(const CompileOptions& options) {
  std::vector<fovea_setting> settings;
  for (const auto& [name, value] : options.options) settings.push_back({name.c_str(), value.c_str()});
  return settings;
}

Result<std::unique_ptr<Engine>> compile_with_plugin(const fovea_backend& table, const Source& source,
                                                    std::string_view device, const CompileOptions& options) {
  const std::string model = source.path.string(), device_name(device), cache = options.cache.string();
  const std::vector<fovea_setting> settings = to_settings(options);
  std::vector<fovea_port> inputs;
  for (const auto& [name, shape] : options.shapes)
    inputs.push_back({name.c_str(), -1, static_cast<int32_t>(shape.size()), shape.data()});
  const int threads = options.threads > 0 ? options.threads : granted_cores();
  const fovea_compile_request request{model.c_str(),
                                      device_name.c_str(),
                                      static_cast<int32_t>(options.precision),
                                      threads,
                                      cache.empty() ? nullptr : cache.c_str(),
                                      settings.data(),
                                      settings.size(),
                                      inputs.data(),
                                      inputs.size()};
  PluginReport report(table.name);
  fovea_engine* engine = nullptr;
  FOVEA_TRY(report.check(table.compile(&request, &engine, report.c_report())));
  if (!engine) return internal("the plugin returned no engine").at(fmt::format("backend {}", table.name));
  auto made = std::make_unique<PluginEngine>(table, engine, threads);
  // What the shapes' names were taken from is often the ONNX model beside it: exporters choose other names.
  FOVEA_TRY(made->fix_shapes(options.shapes, !is_onnx(source.path)));
  return std::unique_ptr<Engine>(std::move(made));
}

}  // namespace fovea::backends
