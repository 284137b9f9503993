// A model in OpenVINO, compiled for each set of input shapes that it meets.
#include "engine.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>

#include "types.h"

#include <openvino/runtime/properties.hpp>

namespace fovea::plugin {
namespace {

constexpr size_t kKeptShapes = 4;  // each holds its own copy of the packed weights

std::string to_text(std::span<const ov::Shape> shapes) {
  std::ostringstream text;
  for (size_t i = 0; i < shapes.size(); ++i) text << (i ? ", " : "") << shapes[i];
  return text.str();
}

ov::Shape to_shape(std::span<const int64_t> extents) { return {extents.begin(), extents.end()}; }

std::string read_back(const ov::CompiledModel& model, const std::string& property) {
  return model.get_property(property).as<std::string>();
}

/// How many operations run in each number format: "f32 53, i32 12".
std::string formats_of(const ov::CompiledModel& compiled) {
  std::map<std::string, int> counts;
  for (const auto& op : compiled.get_runtime_model()->get_ops()) {
    const auto precision = op->get_rt_info().find("runtimePrecision");
    const auto kind = op->get_rt_info().find("layerType");
    if (precision == op->get_rt_info().end() || kind == op->get_rt_info().end()) continue;
    const auto name = kind->second.as<std::string>();
    if (name == "Const" || name == "Input" || name == "Output") continue;
    ++counts[precision->second.as<std::string>()];
  }
  std::string text;
  for (const auto& [name, count] : counts) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

}  // namespace

OpenVinoEngine::OpenVinoEngine(std::shared_ptr<ov::Core> core, std::shared_ptr<ov::Model> model, Settings settings,
                               const Request& request)
    : core_(std::move(core)), model_(std::move(model)), settings_(std::move(settings)) {
  const std::shared_ptr<const ov::Model> declared = model_;
  for (const auto& input : declared->inputs()) {
    inputs.push_back(to_port(input));
    shapes_are_fixed_ &= input.get_partial_shape().is_static();
  }
  for (const auto& output : declared->outputs()) outputs.push_back(to_port(output));
  for (const Port& asked : request.inputs)
    if (std::ranges::find(inputs, asked.name, &Port::name) == inputs.end())
      fail(FOVEA_INVALID_ARGUMENT, "the model has no input \"" + asked.name + "\" to give a shape to",
           "fovea inspect lists its inputs");

  std::vector<ov::Shape> shapes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto asked = std::ranges::find(request.inputs, inputs[i].name, &Port::name);
    const Port& known = asked != request.inputs.end() ? *asked : inputs[i];
    if (known.has_shape && std::ranges::find(known.shape, -1) == known.shape.end())
      shapes.push_back(to_shape(known.shape));
  }
  if (shapes.size() == inputs.size())
    compiled_for(shapes);
  else
    facts = {{"device", settings_.device}, {"compiled", "for the shapes of the first inputs"}};
}

void OpenVinoEngine::prepare(std::span<const Port> ports) {
  std::vector<ov::Shape> shapes;
  for (const Port& port : ports) shapes.push_back(to_shape(port.shape));
  compiled_for(shapes);
}

OpenVinoEngine::Compiled& OpenVinoEngine::compiled_for(const std::vector<ov::Shape>& shapes) {
  const auto known = std::ranges::find(compiled_, shapes, &Compiled::shapes);
  if (known != compiled_.end()) {
    compiled_.splice(compiled_.begin(), compiled_, known);
  } else {
    compiled_.push_front(compile(shapes));
    if (compiled_.size() > kKeptShapes) compiled_.pop_back();
    set_facts(compiled_.front().model);
  }
  return compiled_.front();
}

OpenVinoEngine::Compiled OpenVinoEngine::compile(const std::vector<ov::Shape>& shapes) {
  Compiled result{shapes, {}, {}, {}, {}, {}, {}};
  if (!shapes_are_fixed_) try {
      std::map<size_t, ov::PartialShape> by_index;
      for (size_t i = 0; i < shapes.size(); ++i) by_index.emplace(i, shapes[i]);
      model_->reshape(by_index);
    } catch (const std::exception& e) {
      fail(FOVEA_INVALID_ARGUMENT, "the model cannot take inputs of shape " + to_text(shapes) + ": " + message_of(e),
           "give shapes that fit the model");
    }
  try {
    result.model = core_->compile_model(model_, settings_.device, settings_.properties);
    result.request = result.model.create_infer_request();
  } catch (const std::exception& e) {
    fail(FOVEA_UNSUPPORTED, "OpenVINO cannot compile the model for " + settings_.device + ": " + message_of(e),
         "try another device, or another backend");
  }
  for (const auto& output : result.model.outputs()) {
    const bool is_fixed = output.get_partial_shape().is_static();
    result.output_is_fixed.push_back(is_fixed);
    result.output_shapes.push_back(is_fixed ? output.get_shape() : ov::Shape());
  }
  result.bound_inputs.resize(inputs.size());
  result.bound_outputs.resize(outputs.size());
  return result;
}

void OpenVinoEngine::set_facts(const ov::CompiledModel& compiled) {
  facts = {{"from cache", compiled.get_property(ov::loaded_from_cache) ? "yes" : "no"},
           {"operations", formats_of(compiled)}};
  const auto& has = compiled.get_property(ov::supported_properties);
  for (const std::string& name : settings_.told)
    if (std::ranges::find(has, name) != has.end()) facts.emplace_back(name, read_back(compiled, name));
  if (std::ranges::find(has, ov::hint::inference_precision.name()) == has.end()) return;
  const ov::element::Type precision = compiled.get_property(ov::hint::inference_precision);
  if (precision != settings_.precision)
    fail(FOVEA_UNAVAILABLE,
         "OpenVINO chose " + precision.get_type_name() + " instead of " + settings_.precision.get_type_name(),
         "ask for a precision that the device has");
}

void OpenVinoEngine::run(std::span<const fovea_tensor> tensors, Outputs& places) {
  std::vector<ov::Shape> shapes;
  for (const fovea_tensor& t : tensors) shapes.push_back(to_shape({t.shape, static_cast<size_t>(t.rank)}));
  Compiled& now = compiled_for(shapes);

  for (size_t i = 0; i < tensors.size(); ++i) {
    if (now.bound_inputs[i] == tensors[i].data) continue;
    now.request.set_input_tensor(i, ov::Tensor(to_element_type(tensors[i].dtype), shapes[i], tensors[i].data));
    now.bound_inputs[i] = tensors[i].data;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!now.output_is_fixed[i]) continue;
    const ov::Output<const ov::Node> output = now.model.output(i);
    const ov::Shape& extents = now.output_shapes[i];
    void* memory = places.place(i, to_dtype(output.get_element_type(), outputs[i].name),
                                std::vector<int64_t>(extents.begin(), extents.end()));
    if (now.bound_outputs[i] == memory) continue;
    now.request.set_output_tensor(i, ov::Tensor(output.get_element_type(), extents, memory));
    now.bound_outputs[i] = memory;
  }
  try {
    now.request.infer();
  } catch (const std::exception& e) {
    fail(FOVEA_INTERNAL, "OpenVINO failed while it ran the model: " + message_of(e));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (now.output_is_fixed[i]) continue;
    const ov::Tensor result = now.request.get_output_tensor(i);
    const ov::Shape extents = result.get_shape();
    void* memory = places.place(i, to_dtype(result.get_element_type(), outputs[i].name),
                                std::vector<int64_t>(extents.begin(), extents.end()));
    std::memcpy(memory, result.data(), result.get_byte_size());
  }
}

}  // namespace fovea::plugin
