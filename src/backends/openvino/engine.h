// A model in OpenVINO, compiled for each set of input shapes that it meets.
#pragma once

#include <list>

#include "plugin.h"

#include <openvino/openvino.hpp>

namespace fovea::plugin {

/// What compile() settled.
struct Settings {
  std::string device;  // "CPU"
  ov::AnyMap properties;
  ov::element::Type precision;    // the one to be read back
  std::vector<std::string> told;  // properties that are read back as facts
};

class OpenVinoEngine final : public Engine {
 public:
  /// Compiles at once where the shapes of all inputs are known, else for the first ones that come. Throws
  /// FOVEA_INVALID_ARGUMENT for a shape of `request` that no input has, FOVEA_UNSUPPORTED for what OpenVINO cannot
  /// compile.
  OpenVinoEngine(std::shared_ptr<ov::Core> core, std::shared_ptr<ov::Model> model, Settings settings,
                 const Request& request);

  void prepare(std::span<const Port> ports) override;
  void run(std::span<const fovea_tensor> tensors, Outputs& places) override;

 private:
  /// The model for one set of input shapes. A request remembers the memory it was given last.
  struct Compiled {
    std::vector<ov::Shape> shapes;
    ov::CompiledModel model;
    ov::InferRequest request;
    std::vector<bool> output_is_fixed;
    std::vector<ov::Shape> output_shapes;  // of the fixed ones
    std::vector<const void*> bound_inputs, bound_outputs;
  };

  Compiled& compiled_for(const std::vector<ov::Shape>& shapes);
  Compiled compile(const std::vector<ov::Shape>& shapes);
  void set_facts(const ov::CompiledModel& compiled);

  std::shared_ptr<ov::Core> core_;
  std::shared_ptr<ov::Model> model_;
  Settings settings_;
  bool shapes_are_fixed_ = true;  // in the model itself
  std::list<Compiled> compiled_;  // the one used last in front
};

}  // namespace fovea::plugin
