#include "engine.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "elements.h"

namespace fovea::plugin {
namespace {

using Signature = OrtStatusPtr(ORT_API_CALL*)(const OrtSession*, size_t, OrtTypeInfo**);
using Naming = OrtStatusPtr(ORT_API_CALL*)(const OrtSession*, size_t, OrtAllocator*, char**);

/// Reads one input or output of the session; `symbols` are the names of its extents, "" for numbers. ONNX Runtime
/// describes a tensor of which the model gives no shape like a scalar, so that is taken as not known.
Port read_port(const OnnxRuntime& library, const OrtSession* session, size_t i, std::string_view kind, Naming name_of,
               Signature type_of, std::vector<std::string>& symbols) {
  const OrtApi& api = library.api();
  OrtAllocator* allocator = nullptr;
  library.check(api.GetAllocatorWithDefaultOptions(&allocator));
  char* name = nullptr;
  library.check(name_of(session, i, allocator, &name));
  Port port;
  port.name = library.take_text(name);

  const auto type = library.make<OrtTypeInfo>(api.ReleaseTypeInfo, type_of, session, i);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  library.check(api.CastTypeInfoToTensorInfo(type.get(), &tensor));  // leaves nullptr for what is no tensor
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (tensor) library.check(api.GetTensorElementType(tensor, &element));
  port.dtype = from_ort(element);
  if (port.dtype < 0)
    fail(FOVEA_UNSUPPORTED,
         std::string(kind) + " \"" + port.name + "\" is " +
             (!tensor ? "a sequence, a map or optional"
              : element == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING
                  ? "a tensor of strings"
                  : "a tensor of ONNX's element type " + std::to_string(element)) +
             ", which fovea does not pass on",
         "cut the model before it");
  size_t rank = 0;
  library.check(api.GetDimensionsCount(tensor, &rank));
  port.has_shape = rank > 0;
  port.shape.resize(rank);
  library.check(api.GetDimensions(tensor, port.shape.data(), rank));
  for (int64_t& extent : port.shape) extent = std::max<int64_t>(extent, -1);
  std::vector<const char*> names(rank);
  library.check(api.GetSymbolicDimensions(tensor, names.data(), rank));
  for (const char* symbol : names) symbols.emplace_back(symbol ? symbol : "");
  return port;
}

}  // namespace

SessionEngine::SessionEngine(const OnnxRuntime& library, Owned<OrtSession> session)
    : library_(library),
      session_(std::move(session)),
      host_(library.make<OrtMemoryInfo>(library.api().ReleaseMemoryInfo, library.api().CreateCpuMemoryInfo,
                                        OrtDeviceAllocator, OrtMemTypeDefault)),
      run_options_(library.make<OrtRunOptions>(library.api().ReleaseRunOptions, library.api().CreateRunOptions)),
      binding_(
          library.make<OrtIoBinding>(library.api().ReleaseIoBinding, library.api().CreateIoBinding, session_.get())) {
  const OrtApi& api = library.api();
  // A session on a device logs at the level of verbose while it is made (see LogScope); its runs need not.
  library.check(api.RunOptionsSetRunLogSeverityLevel(run_options_.get(), ORT_LOGGING_LEVEL_WARNING));

  struct Source {
    size_t input, dimension;
  };
  std::map<std::string, Source> sources;  // of each symbol, the first place in the inputs' shapes
  size_t count = 0;
  library.check(api.SessionGetInputCount(session_.get(), &count));
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> symbols;
    inputs.push_back(
        read_port(library, session_.get(), i, "input", api.SessionGetInputName, api.SessionGetInputTypeInfo, symbols));
    for (size_t d = 0; d < symbols.size(); ++d)
      if (!symbols[d].empty()) sources.emplace(symbols[d], Source{i, d});
  }
  library.check(api.SessionGetOutputCount(session_.get(), &count));
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> symbols;
    outputs.push_back(read_port(library, session_.get(), i, "output", api.SessionGetOutputName,
                                api.SessionGetOutputTypeInfo, symbols));
    Output output{!symbols.empty(), {}, {}, {}, false, false};
    for (size_t d = 0; d < symbols.size(); ++d) {
      const int64_t number = outputs.back().shape[d];
      const auto source = sources.find(symbols[d]);
      output.predictable &= number >= 0 || source != sources.end();
      output.extents.push_back(number >= 0 || source == sources.end()
                                   ? Extent{number, 0, 0}
                                   : Extent{-1, source->second.input, source->second.dimension});
    }
    output.predicted.resize(output.extents.size());
    outputs_.push_back(std::move(output));
  }
}

Owned<OrtValue> SessionEngine::tensor_on(void* data, int32_t dtype, std::span<const int64_t> shape) const {
  static char nothing;  // for a tensor without elements
  const size_t bytes = static_cast<size_t>(element_count(shape)) * size_of(dtype);
  return library_.make<OrtValue>(library_.api().ReleaseValue, library_.api().CreateTensorWithDataAsOrtValue,
                                 host_.get(), data ? data : &nothing, bytes, shape.data(), shape.size(), to_ort(dtype));
}

void SessionEngine::predict(std::span<const fovea_tensor> tensors) {
  for (Output& output : outputs_) {
    if (!output.predictable) continue;
    for (size_t d = 0; d < output.extents.size(); ++d) {
      const Extent& extent = output.extents[d];
      output.predicted[d] = extent.number >= 0 ? extent.number : tensors[extent.input].shape[extent.dimension];
    }
  }
}

void SessionEngine::bind(std::span<const fovea_tensor> tensors, Outputs* places) {
  const OrtApi& api = library_.api();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const fovea_tensor& tensor = tensors[i];
    const auto value = tensor_on(tensor.data, tensor.dtype, {tensor.shape, static_cast<size_t>(tensor.rank)});
    library_.check(api.BindInput(binding_.get(), inputs[i].name.c_str(), value.get()));
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    const char* name = outputs[i].name.c_str();
    output.bound = places && output.predictable && output.has_proof && output.proven == output.predicted;
    if (output.bound) {
      void* place = places->place(i, outputs[i].dtype, output.predicted);
      const auto value = tensor_on(place, outputs[i].dtype, output.predicted);
      library_.check(api.BindOutput(binding_.get(), name, value.get()));
    } else {
      library_.check(api.BindOutputToDevice(binding_.get(), name, host_.get()));
    }
  }
}

void SessionEngine::run_bound() {
  library_.check(library_.api().RunWithBinding(session_.get(), run_options_.get(), binding_.get()));
  library_.check(library_.api().SynchronizeBoundOutputs(binding_.get()));
}

/// Fetches the outputs that ONNX Runtime allocated.
void SessionEngine::collect(Outputs* places) {
  if (std::ranges::all_of(outputs_, &Output::bound)) return;
  const OrtApi& api = library_.api();
  OrtAllocator* allocator = nullptr;
  library_.check(api.GetAllocatorWithDefaultOptions(&allocator));
  OrtValue** raw = nullptr;
  size_t count = 0;
  library_.check(api.GetBoundOutputValues(binding_.get(), allocator, &raw, &count));
  std::vector<Owned<OrtValue>> values;
  for (size_t i = 0; i < count; ++i) values.emplace_back(raw[i], api.ReleaseValue);
  library_.check(api.AllocatorFree(allocator, raw));

  for (size_t i = 0; i < std::min(count, outputs_.size()); ++i) {
    Output& output = outputs_[i];
    if (output.bound) continue;
    const auto type = library_.make<OrtTensorTypeAndShapeInfo>(
        api.ReleaseTensorTypeAndShapeInfo, api.GetTensorTypeAndShape, const_cast<const OrtValue*>(values[i].get()));
    size_t rank = 0;
    library_.check(api.GetDimensionsCount(type.get(), &rank));
    shape_.resize(rank);
    library_.check(api.GetDimensions(type.get(), shape_.data(), rank));
    output.has_proof = output.predictable && shape_ == output.predicted;
    if (output.has_proof) output.proven = shape_;
    if (!places) continue;
    void* data = nullptr;
    library_.check(api.GetTensorMutableData(values[i].get(), &data));
    void* place = places->place(i, outputs[i].dtype, shape_);
    const size_t bytes = static_cast<size_t>(element_count(shape_)) * size_of(outputs[i].dtype);
    if (bytes > 0) std::memcpy(place, data, bytes);
  }
}

void SessionEngine::run(std::span<const fovea_tensor> tensors, Outputs& places) {
  if (tensors.size() != inputs.size())
    fail(FOVEA_INVALID_ARGUMENT,
         std::to_string(tensors.size()) + " inputs given, but the model has " + std::to_string(inputs.size()));
  for (size_t i = 0; i < tensors.size(); ++i)
    if ((inputs[i].has_shape && static_cast<size_t>(tensors[i].rank) != inputs[i].shape.size()) ||
        tensors[i].dtype != inputs[i].dtype)
      fail(FOVEA_INVALID_ARGUMENT,
           "input \"" + inputs[i].name + "\" has another rank or element type than the model's");
  predict(tensors);
  bind(tensors, &places);
  run_bound();
  collect(&places);
}

/// One run on zeros: allocates, and builds what a provider builds for these shapes.
void SessionEngine::prepare(std::span<const Port> ports) {
  if (ports.size() != inputs.size()) return;
  std::vector<std::vector<std::byte>> zeros;
  std::vector<fovea_tensor> tensors;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::vector<int64_t>& shape = ports[i].shape;
    if (!ports[i].has_shape || std::ranges::any_of(shape, [](int64_t n) { return n < 0; })) return;
    zeros.emplace_back(static_cast<size_t>(element_count(shape)) * size_of(inputs[i].dtype));
    tensors.push_back({inputs[i].dtype, static_cast<int32_t>(shape.size()), shape.data(), zeros.back().data()});
  }
  predict(tensors);
  bind(tensors, nullptr);
  run_bound();
  collect(nullptr);
}

}  // namespace fovea::plugin
