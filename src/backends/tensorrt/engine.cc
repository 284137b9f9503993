// A plan on a GPU: TensorRT's engine and execution context.
#include "engine.h"

#include <algorithm>

#include "libraries.h"
#include "types.h"

namespace fovea::plugin {
namespace {

using nvinfer1::OptProfileSelector;
using nvinfer1::TensorIOMode;
using nvinfer1::TensorLocation;

size_t bytes_of(std::span<const int64_t> shape, int32_t dtype) {
  return static_cast<size_t>(element_count(shape)) * size_of(dtype);
}

bool is_open(const nvinfer1::Dims& dims) {
  const std::vector<int64_t> shape = to_shape(dims);
  return dims.nbDims < 0 || std::ranges::find(shape, -1) != shape.end();
}

std::string describe(const Profile& profile) {
  std::string text;
  for (const auto& [name, range] : profile)
    text += (text.empty() ? "" : ", ") + name + ":" + to_text(range.min) +
            (range.min == range.max ? "" : ".." + to_text(range.opt) + ".." + to_text(range.max));
  return text.empty() ? "as in the model" : text;
}

}  // namespace

void* TensorRtEngine::Allocator::reallocateOutputAsync(const char*, void*, uint64_t size, uint64_t,
                                                       cudaStream_t) noexcept {
  try {
    memory.reserve(size);
    return memory.data();
  } catch (...) {
    return nullptr;  // TensorRT then reports that it lacks memory
  }
}

TensorRtEngine::TensorRtEngine(const Request& request, EngineSettings settings)
    : model_(request.model),
      settings_(std::move(settings)),
      cache_(request.cache),
      fingerprint_(fingerprint(request.model)),
      runtime_(tensorrt().make_runtime()) {
  if (load_from_cache(settings_.profile)) return;
  const ParsedModel parsed(model_, settings_.build);
  if (parsed.is_covered(settings_.profile)) {
    build(parsed, settings_.profile);
  } else {
    inputs = parsed.inputs();
    outputs = parsed.outputs();
    facts = {{"plan", "built for the shapes of the first inputs"}};
  }
}

std::string TensorRtEngine::key(const Profile& profile) const {
  return fingerprint_ + "\n" + tensorrt().version + "\n" + settings_.device + "\n" + settings_.text + "\n" +
         describe(profile);
}

bool TensorRtEngine::load_from_cache(const Profile& profile) {
  const std::vector<char> plan = cache_.read_plan(model_, key(profile));
  if (plan.empty()) return false;
  try {
    load(plan, profile, true);
    return true;
  } catch (const Failure&) {
    return false;  // a damaged plan is built again
  }
}

void TensorRtEngine::build(const ParsedModel& parsed, const Profile& profile) {
  std::vector<char> timings = cache_.read_timings(settings_.device);
  const std::vector<char> plan = parsed.build(profile, timings);
  cache_.write_timings(settings_.device, timings);
  cache_.write_plan(model_, key(profile), plan);
  load(plan, profile, false);
}

void TensorRtEngine::load(const std::vector<char>& plan, const Profile& profile, bool from_cache) {
  graph_.reset();
  context_.reset();
  engine_ = made_or_fail(runtime_->deserializeCudaEngine(plan.data(), plan.size()), "an engine of the plan");
  context_ = made_or_fail(engine_->createExecutionContext(), "a context");
  shapes_.clear();
  if (inputs.empty()) set_ports();
  input_memory_.clear();
  output_memory_.clear();
  input_memory_.resize(inputs.size());
  output_memory_.resize(outputs.size());
  facts = {{"from cache", from_cache ? "yes" : "no"},
           {"precision", std::string(name_of_precision(settings_.build.precision)) +
                             (settings_.build.strongly_typed ? ", strongly typed" : ", by the builder's flags")},
           {"tf32", settings_.build.tf32 ? "yes" : "no"},
           {"shapes", describe(profile)},
           {"layers", std::to_string(engine_->getNbLayers())},
           {"plan", std::to_string(plan.size() / 1000) + " kB"},
           {"cuda graph", settings_.cuda_graph ? "yes" : "no"},
           {"gpu", settings_.device}};
}

void TensorRtEngine::set_ports() {
  for (int32_t i = 0; i < engine_->getNbIOTensors(); ++i) {
    const char* name = engine_->getIOTensorName(i);
    Port port{name, to_dtype(engine_->getTensorDataType(name), name), true, to_shape(engine_->getTensorShape(name))};
    (engine_->getTensorIOMode(name) == TensorIOMode::kINPUT ? inputs : outputs).push_back(std::move(port));
  }
}

bool TensorRtEngine::is_within_profile(std::span<const std::vector<int64_t>> shapes) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const char* name = inputs[i].name.c_str();
    const auto least = to_shape(engine_->getProfileShape(name, 0, OptProfileSelector::kMIN));
    const auto most = to_shape(engine_->getProfileShape(name, 0, OptProfileSelector::kMAX));
    if (least.size() != shapes[i].size() || most.size() != shapes[i].size()) continue;  // no profile: a fixed shape
    for (size_t d = 0; d < shapes[i].size(); ++d)
      if (shapes[i][d] < least[d] || shapes[i][d] > most[d]) return false;
  }
  return true;
}

void TensorRtEngine::ensure(std::span<const std::vector<int64_t>> shapes) {
  cuda().check(cuda().set_device(settings_.device_id), "take the GPU");  // it is set for each thread
  if (!engine_ || !is_within_profile(shapes)) {
    if (engine_ && settings_.profile_is_fixed)
      fail(FOVEA_INVALID_ARGUMENT, "these shapes lie outside the profile " + describe(settings_.profile),
           "widen -O profile_min_shapes and profile_max_shapes");
    Profile profile;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (std::ranges::find(inputs[i].shape, -1) != inputs[i].shape.end())
        profile[inputs[i].name] = {shapes[i], shapes[i], shapes[i]};
    if (!load_from_cache(profile)) build(ParsedModel(model_, settings_.build), profile);
  }
  if (!std::ranges::equal(shapes, shapes_)) set_shapes(shapes);
}

void TensorRtEngine::set_shapes(std::span<const std::vector<int64_t>> shapes) {
  graph_.reset();
  shapes_.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const char* name = inputs[i].name.c_str();
    if (!context_->setInputShape(name, to_dims(shapes[i])))
      fail(FOVEA_INVALID_ARGUMENT,
           "the engine cannot take " + inputs[i].name + " of " + to_text(shapes[i]) + ": " + logger().take_errors(),
           "feed inputs of the shapes that it was built for");
    input_memory_[i].reserve(bytes_of(shapes[i], inputs[i].dtype));
    context_->setTensorAddress(name, input_memory_[i].data());
  }
  outputs_are_fixed_ = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const char* name = outputs[i].name.c_str();
    Allocator& output = output_memory_[i];
    output.shape = context_->getTensorShape(name);
    if (!is_open(output.shape)) {
      output.memory.reserve(bytes_of(to_shape(output.shape), outputs[i].dtype));
      context_->setOutputAllocator(name, nullptr);
      context_->setTensorAddress(name, output.memory.data());
    } else {
      outputs_are_fixed_ = false;
      context_->setOutputAllocator(name, &output);
    }
  }
  shapes_.assign(shapes.begin(), shapes.end());
}

void TensorRtEngine::prepare(std::span<const Port> ports) {
  std::vector<std::vector<int64_t>> shapes;
  for (const Port& port : ports) shapes.push_back(port.shape);
  ensure(shapes);
}

void TensorRtEngine::copy_inputs(std::span<const fovea_tensor> tensors) {
  for (size_t i = 0; i < tensors.size(); ++i)
    cuda().check(cuda().copy(input_memory_[i].data(), tensors[i].data, bytes_of(shapes_[i], inputs[i].dtype),
                             cudaMemcpyHostToDevice, stream_.get()),
                 "copy an input to the GPU");
}

void TensorRtEngine::enqueue() {
  const auto once = [&] { return context_->enqueueV3(stream_.get()); };
  if (graph_) return graph_.launch(stream_);
  // TensorRT asks for one plain run after new shapes before it is recorded.
  if (!once()) fail(FOVEA_INTERNAL, "TensorRT cannot run the engine: " + logger().take_errors());
  if (settings_.cuda_graph && outputs_are_fixed_) {
    stream_.wait();
    graph_.capture(stream_, once);
  }
}

void TensorRtEngine::run(std::span<const fovea_tensor> tensors, Outputs& places) {
  std::vector<std::vector<int64_t>> shapes;
  for (const fovea_tensor& t : tensors) shapes.emplace_back(t.shape, t.shape + t.rank);
  ensure(shapes);
  copy_inputs(tensors);
  enqueue();
  if (!outputs_are_fixed_) stream_.wait();  // the shapes are known only then
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Allocator& output = output_memory_[i];
    const std::vector<int64_t> shape = to_shape(output.shape);
    void* memory = places.place(i, outputs[i].dtype, shape);
    cuda().check(cuda().copy(memory, output.memory.data(), bytes_of(shape, outputs[i].dtype), cudaMemcpyDeviceToHost,
                             stream_.get()),
                 "copy an output from the GPU");
  }
  stream_.wait();
}

}  // namespace fovea::plugin
